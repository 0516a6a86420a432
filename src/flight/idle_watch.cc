#include "flight/idle_watch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

namespace joey::engine {

namespace {

using Clock = std::chrono::steady_clock;

// As gRPC writes it; empty for what is no connection of the Internet protocols.
std::string PeerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    // A socket of both protocols shows an IPv4 client as ::ffff:1.2.3.4, gRPC does not.
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
      return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(v6.sin6_port));
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "ipv6:%5B" + std::string(text) + "%5D:" + std::to_string(ntohs(v6.sin6_port));
  }
  return {};
}

// gRPC keeps its sockets to itself: they are found among all of the process.
void ShutDown(const std::string& peer) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int number = std::atoi(entry->d_name);
    if (number > 2 && PeerOf(number) == peer) ::shutdown(number, SHUT_RDWR);
  }
}

}  // namespace

IdleWatch::IdleWatch(std::chrono::seconds limit) : limit_(limit), thread_([this] { Watch(); }) {}

IdleWatch::~IdleWatch() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void IdleWatch::Watch() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, std::chrono::milliseconds(limit_) / 4, [&] { return stopping_; }))
    CloseIdle();
}

void IdleWatch::CloseIdle() {
  std::map<std::string, bool> idle;  // whether all streams of a peer are
  const auto now = Clock::now();
  for (const Entry& stream : streams_) {
    const bool is_idle = stream.waiting && now - stream.since > limit_;
    const auto [peer, added] = idle.emplace(stream.peer, is_idle);
    if (!added) peer->second = peer->second && is_idle;
  }
  // The lock is held: a connection cannot lose its last stream, and its number, meanwhile.
  for (const auto& [peer, is_idle] : idle) {
    if (is_idle) ShutDown(peer);
  }
}

IdleWatch::Stream::Stream(IdleWatch& watch, std::string peer) : watch_(watch) {
  std::lock_guard lock(watch_.mutex_);
  entry_ = watch_.streams_.insert(watch_.streams_.end(), {std::move(peer), false, Clock::now()});
}

IdleWatch::Stream::~Stream() {
  std::lock_guard lock(watch_.mutex_);
  watch_.streams_.erase(entry_);
}

void IdleWatch::Stream::SetWaiting(bool waiting) {
  std::lock_guard lock(watch_.mutex_);
  entry_->waiting = waiting;
  entry_->since = Clock::now();
}

}  // namespace joey::engine
