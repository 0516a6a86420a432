#include "deploy/replica.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "base/files.h"
#include "base/format_bytes.h"
#include "base/limits.h"
#include "base/process_cpu.h"
#include "base/sha256.h"

namespace joey::deploy {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kStableAfter{60};  // then earlier failures are forgotten

// Only what a program needs to run at all; no secrets of the operator.
std::vector<std::string> EngineEnvironment() {
  std::vector<std::string> out;
  for (const char* name : {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
                           "JOEY_ONNXRUNTIME_LIBRARY", "JOEY_TENSORFLOW_DIRECTORY", "JOEY_CACHE",
                           "XDG_CACHE_HOME", "HOME", "JOEY_OFFLINE", "JOEY_PYTHON", "JOEY_WORKERS",
                           "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  }
  // An engine may fetch the plug-in of its models: index, proxies and certificates are pip's.
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    for (const std::string_view prefix :
         {"PIP_", "http_proxy=", "https_proxy=", "no_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=",
          "NO_PROXY=", "SSL_CERT_FILE=", "REQUESTS_CA_BUNDLE="}) {
      if (text.starts_with(prefix)) out.emplace_back(text);
    }
  }
  return out;
}

std::string SpecFingerprint(const DeploymentSpec& spec) {
  return Sha256::Hex(spec.document + "\n" + std::to_string(spec.cpus) + "\n" +
                     std::to_string(spec.memory_bytes));
}

std::string EngineDocument(const ReplicaPlan& plan) {
  json document = json::parse(plan.spec.document);
  document["partition"] = plan.name;
  document["owner"] = {{"pid_file", plan.owner_file}};
  if (document.contains("logs") && document["logs"].is_object()) {
    document["logs"]["spool_directory"] = plan.spool_directory;
  }
  return document.dump();
}

}  // namespace

milliseconds BackOffDelay(int failures) {
  milliseconds delay{200};
  for (int i = 1; i < failures && delay < seconds(30); ++i) delay *= 2;
  return std::min<milliseconds>(delay, seconds(30));
}

Replica::Replica(ReplicaPlan plan) : plan_(std::move(plan)) {}
Replica::~Replica() = default;

namespace {

// What the state file of a replica says: which process it is and what it was started with.
struct StateRecord {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::string fingerprint;
  double cpus = 0;
  std::int64_t memory_bytes = 0;
};

std::string StateFile(const ReplicaPlan& plan) { return plan.directory + "/process"; }

joey::Status WriteState(const ReplicaPlan& plan, const Process& process) {
  std::ostringstream text;
  text << process.pid() << ' ' << process.start_ticks() << ' ' << SpecFingerprint(plan.spec) << ' '
       << plan.spec.cpus << ' ' << plan.spec.memory_bytes;
  return WriteFileAtomically(StateFile(plan), text.str());
}

std::optional<StateRecord> ReadState(const ReplicaPlan& plan) {
  Result<std::string> text = ReadFile(StateFile(plan), 4096);
  if (!text.ok()) return std::nullopt;
  std::istringstream words(*text);
  StateRecord record;
  if (!(words >> record.pid >> record.start_ticks >> record.fingerprint)) return std::nullopt;
  words >> record.cpus >> record.memory_bytes;
  return record;
}

}  // namespace

void Replica::EndLeft(const ReplicaPlan& plan) {
  const std::optional<StateRecord> record = ReadState(plan);
  if (!record) return;
  std::optional<Process> process = Process::Adopt(record->pid, record->start_ticks);
  if (!process) return;
  process->Signal(SIGKILL);
  process->WaitFor(seconds(10));
}

std::unique_ptr<Replica> Replica::Adopt(ReplicaPlan plan, std::uint64_t endpoint_id,
                                        const HealthCheck& healthy) {
  const std::optional<StateRecord> record = ReadState(plan);
  if (!record) return nullptr;
  auto replica = std::make_unique<Replica>(std::move(plan));
  replica->process_ = Process::Adopt(record->pid, record->start_ticks);
  if (!replica->process_) return nullptr;
  Result<std::string> ready = ReadFile(replica->ReadyFile(), 4096);
  Result<HostPort> address = ready.ok() ? ParseHostPort(*ready) : Result<HostPort>(ready.status());
  if (!address.ok() || !healthy(*address)) {
    replica->Kill();
    return nullptr;
  }
  if (record->fingerprint != SpecFingerprint(replica->plan_.spec)) replica->Outdate();
  // Its own limits, whatever the newest generation may use.
  replica->plan_.spec.cpus = record->cpus;
  replica->plan_.spec.memory_bytes = record->memory_bytes;
  replica->MakeGroup();
  replica->endpoint_ = std::make_shared<Endpoint>();
  replica->endpoint_->address = *address;
  replica->endpoint_->id = endpoint_id;
  replica->state_ = State::kRunning;
  replica->has_run_ = true;
  replica->running_since_ = Clock::now();
  return replica;
}

void Replica::MakeGroup() {
  limits_note_.clear();
  Result<std::unique_ptr<Cgroup>> group =
      Cgroup::Make(plan_.name, plan_.spec.cpus, plan_.spec.memory_bytes);
  if (group.ok()) {
    cgroup_ = std::move(*group);
    return;
  }
  if (plan_.spec.cpus <= 0 && plan_.spec.memory_bytes <= 0) return;
  limits_note_ = "weaker limits: " + group.status().message() +
                 "; CPU is limited by the number of threads, memory by the engine's own data";
}

joey::Status Replica::TryStart() {
  JOEY_RETURN_IF_ERROR(MakeDirectories(plan_.directory));
  JOEY_RETURN_IF_ERROR(MakeDirectories(plan_.spool_directory));
  std::error_code ignored;
  std::filesystem::remove(ReadyFile(), ignored);
  std::filesystem::remove(ReadyFile() + ".error", ignored);
  std::filesystem::remove(WaitingFile(), ignored);
  std::filesystem::remove_all(plan_.directory + "/scratch",
                              ignored);  // of an engine that was killed
  const std::string document = plan_.directory + "/deployment.json";
  JOEY_RETURN_IF_ERROR(WriteFileAtomically(document, EngineDocument(plan_)));
  const std::string output = plan_.directory + "/engine.log";
  if (std::filesystem::file_size(output, ignored) > limits::kEngineLogBytesMax && !ignored) {
    std::filesystem::rename(output, output + ".1", ignored);
  }
  ProcessOptions options;
  options.arguments = {plan_.program, "engine",      "--deployment", document,
                       "--listen",    "127.0.0.1:0", "--ready-file", ReadyFile()};
  options.environment = EngineEnvironment();
  options.output_file = output;
  // The old group has the same name: removed after the new one is made it would take that along.
  cgroup_.reset();
  MakeGroup();
  if (cgroup_ != nullptr) {
    options.cgroups = cgroup_->procs_files();
  } else {
    // Then the engine's thread count is the limit of CPU, and this the one of memory.
    options.data_bytes_max = plan_.spec.memory_bytes;
  }
  options.record = [this](const Process& process) { return WriteState(plan_, process); };
  JOEY_ASSIGN_OR_RETURN(process_, Process::Spawn(options));
  return {};
}

void Replica::Start(Clock::time_point now) {
  state_ = State::kStarting;
  deadline_ = now + seconds(limits::kEngineStartSecondsMax);
  joey::Status started = TryStart();
  if (started.ok()) return;
  BackOff(now, started.ToString());
}

void Replica::BackOff(Clock::time_point now, std::string reason) {
  if (has_run_ && now - running_since_ > kStableAfter) failures_ = 0;
  ++failures_;
  state_ = State::kBackoff;
  deadline_ = now + BackOffDelay(failures_);
  reason_ = std::move(reason);
  waiting_for_.clear();
  endpoint_ = nullptr;
  process_.reset();
  spdlog::warn("engine {} of {}: {}", plan_.name, plan_.spec.deploy_id, reason_);
}

// What the engine itself said of its failure, else how its process ended.
std::string Replica::FailureText() const {
  // A kill of one of its workers is counted as well; an adopted engine's ending is not known.
  const bool killed = process_->ending().starts_with("signal 9") || process_->ending() == "ended";
  if (killed && cgroup_ != nullptr && cgroup_->OutOfMemoryKills() > 0) {
    return "OOMKilled: the engine used more memory than its limit of " +
           FormatBytes(plan_.spec.memory_bytes) +
           " and was ended; deploy with more memory(), or send fewer rows per request";
  }
  Result<std::string> text = ReadFile(ReadyFile() + ".error", limits::kControlBodyBytesMax);
  if (text.ok()) {
    json document = json::parse(*text, nullptr, false);
    if (document.is_object()) {
      std::string hint = document.value("hint", "");
      return document.value("message", "") + (hint.empty() ? "" : " (" + hint + ")");
    }
  }
  return "the engine's process ended: " + process_->ending();
}

bool Replica::AdvanceStarting(Clock::time_point now, std::uint64_t& next_endpoint_id) {
  if (process_->Ended()) {
    BackOff(now, FailureText());
    return false;
  }
  Result<std::string> ready = ReadFile(ReadyFile(), 256);
  if (!ready.ok()) {
    // It gives up by itself when what it waits for does not come.
    Result<std::string> waiting = ReadFile(WaitingFile(), 256);
    waiting_for_ = waiting.ok() ? *waiting : "";
    if (waiting.ok()) deadline_ = now + seconds(limits::kEngineStartSecondsMax);
    if (now < deadline_) return false;
    Kill();
    BackOff(now, "the engine was not ready within " +
                     std::to_string(limits::kEngineStartSecondsMax) + " s");
    return false;
  }
  Result<HostPort> address = ParseHostPort(*ready);
  if (!address.ok()) return false;
  endpoint_ = std::make_shared<Endpoint>();
  endpoint_->address = *address;
  endpoint_->id = next_endpoint_id++;
  state_ = State::kRunning;
  running_since_ = now;
  has_run_ = true;
  waiting_for_.clear();
  return true;
}

bool Replica::Advance(Clock::time_point now, std::uint64_t& next_endpoint_id) {
  switch (state_) {
    case State::kBackoff:
      if (now >= deadline_) Start(now);
      return false;
    case State::kStarting:
      return AdvanceStarting(now, next_endpoint_id);
    case State::kRunning:
      if (!process_->Ended()) return false;
      BackOff(now, FailureText());
      return true;
    case State::kDraining:
      if (process_->Ended()) {
        CleanUp();
      } else if (now >= deadline_) {
        // Its requests had their time: what still runs is cut.
        Terminate(now);
        deadline_ = now + seconds(limits::kLogFlushSecondsMax);
      } else if (endpoint_->in_flight.load() == 0) {
        Terminate(now);
      }
      return false;
    case State::kStopping:
      if (!process_->Ended() && now >= deadline_) Kill();
      if (process_->Ended()) CleanUp();
      return false;
    case State::kGone:
      return false;
  }
  return false;
}

void Replica::Drain(Clock::time_point now) {
  if (state_ == State::kRunning) {
    endpoint_->Close();
    state_ = State::kDraining;
    deadline_ = now + seconds(limits::kDrainSecondsMax);
  } else if (state_ == State::kStarting || state_ == State::kBackoff) {
    Terminate(now);
  }
}

void Replica::Terminate(Clock::time_point now) {
  if (!process_) {
    CleanUp();
    return;
  }
  if (state_ == State::kStopping || state_ == State::kGone) return;
  process_->Signal(SIGTERM);
  state_ = State::kStopping;
  deadline_ = now + seconds(limits::kDrainSecondsMax + limits::kLogFlushSecondsMax + 5);
}

void Replica::Kill() {
  process_->Signal(SIGKILL);
  process_->WaitFor(seconds(10));
}

void Replica::CleanUp() {
  state_ = State::kGone;
  endpoint_ = nullptr;
  process_.reset();
  cgroup_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(plan_.directory, ignored);
}

double Replica::CpuSeconds() const {
  if (cgroup_ != nullptr) {
    if (const auto used = cgroup_->CpuSeconds()) return *used;
  }
  return process_ ? ProcessTreeCpuSeconds(process_->pid()) : 0;
}

ReplicaStatus Replica::Status(Clock::time_point now) const {
  ReplicaStatus out;
  out.name = plan_.name;
  out.ip = "127.0.0.1";
  switch (state_) {
    case State::kStarting:
      out.phase = Phase::kStarting;
      break;
    case State::kRunning:
      out.phase = Phase::kRunning;
      break;
    case State::kBackoff:
      out.phase = failures_ > 0 ? Phase::kError : Phase::kStarting;
      break;
    case State::kDraining:
    case State::kStopping:
    case State::kGone:
      out.phase = Phase::kStopping;
      break;
  }
  if (out.phase == Phase::kRunning) {
    if (!reason_.empty() && now - running_since_ < kStableAfter) {
      out.details.push_back("started again after: " + reason_);
    }
  } else {
    out.reason = reason_;
    if (out.phase != Phase::kStopping) {
      out.details.push_back("containers with unready status: [engine]");
    }
    if (!waiting_for_.empty()) out.details.push_back(waiting_for_);
    if (!reason_.empty()) out.details.push_back(reason_);
  }
  if (!limits_note_.empty()) out.details.push_back(limits_note_);
  return out;
}

}  // namespace joey::deploy
