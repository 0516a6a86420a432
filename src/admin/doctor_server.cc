// A joey serve that runs, or the port that one could have.
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "admin/doctor.h"
#include "base/files.h"
#include "base/socket_address.h"
#include "http/client.h"
#include "store/data_directory.h"

namespace joey::admin {
namespace {

constexpr std::chrono::seconds kAnswerMax{5};

void ExamineRunning(const DoctorOptions& options, Findings& findings) {
  constexpr char kAbout[] = "running server";
  const std::string holder = ReadFile(options.data + "/lock", 64).ok()
                                 ? *ReadFile(options.data + "/lock", 64)
                                 : std::string("?");
  const auto silent = [&](const std::string& why) {
    findings.push_back(
        {Level::kProblem, kAbout,
         fmt::format("joey serve (process {}) holds {} but {}", holder, options.data, why),
         "look into its log; if it hangs, end it and start it again"});
  };
  const Result<std::string> text = ReadFile(DataDirectory::AddressFileOf(options.data), 256);
  const Result<HostPort> address =
      text.ok() ? ParseHostPort(*text) : Result<HostPort>(text.status());
  if (!address.ok()) return silent("does not listen yet");
  http::Client client(*address, kAnswerMax);
  const auto ready = client.Call("GET", "/readyz", {}, {});
  if (!ready.ok()) return silent("does not answer: " + ready.status().message());
  if (ready->status != 200) return silent("is not ready: " + ready->body);
  const auto answer = client.Call("GET", "/v1/api/version", {}, {});
  const auto document = nlohmann::json::parse(answer.ok() ? answer->body : "", nullptr, false);
  const std::string version = document.is_object() ? document.value("version", "") : "";
  const std::string message =
      fmt::format("joey {} (process {}) answers on {}", version, holder, address->ToString());
  if (version == options.joey) {
    findings.push_back({Level::kFine, kAbout, message});
  } else {
    findings.push_back({Level::kWarning, kAbout, message + ", this is joey " + options.joey,
                        "start it again to use this version"});
  }
}

void ExaminePort(const DoctorOptions& options, Findings& findings) {
  constexpr char kAbout[] = "port";
  const Result<HostPort> listen = ParseHostPort(options.listen);
  if (!listen.ok()) {
    findings.push_back(
        {Level::kProblem, kAbout, listen.status().message(), "give --listen as HOST:PORT"});
    return;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(listen->host.c_str(), std::to_string(listen->port).c_str(), &hints, &found) !=
      0) {
    findings.push_back({Level::kProblem, kAbout, "there is no address " + listen->host,
                        "name an address of this machine with --listen"});
    return;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const UniqueFd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) {
    findings.push_back({Level::kFine, kAbout, listen->ToString() + " is free"});
    return;
  }
  findings.push_back(
      {Level::kProblem, kAbout,
       "joey serve cannot listen on " + listen->ToString() + ": " + std::strerror(errno),
       errno == EADDRINUSE ? "end the program that listens there (ss -tlnp shows it), "
                             "or choose another with --listen"
                           : "choose another address with --listen"});
}

}  // namespace

void ExamineServer(const DoctorOptions& options, Findings& findings) {
  if (DataDirectory::IsInUse(options.data)) {
    ExamineRunning(options, findings);
  } else {
    ExaminePort(options, findings);
  }
}

}  // namespace joey::admin
