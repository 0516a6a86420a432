// Frames between the engine and one worker process: a pair of sockets that keeps message limits,
// large payloads in sealed memory files that are handed over by descriptor.
//
// The worker is foreign code. What it sends is copied out of its reach, or lies in a file that the
// kernel lets nobody change any more, before it is looked at.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/status.h"

namespace joey {

enum class FrameKind : std::uint32_t {
  kStart = 1,   // to a worker: first = JSON, second = what it describes
  kRun = 2,     // to a worker: first = Arrow schema message, second = record batch message
  kReady = 3,   // from a worker: first = JSON
  kResult = 4,  // from a worker: like kRun
  kError = 5,   // from a worker: first = JSON
};

struct Frame {
  FrameKind kind;
  std::uint64_t id;  // of the request
  // `first` and then `second`, without a gap, at an address that Arrow can use in place.
  std::shared_ptr<const void> owner;
  std::string_view first;
  std::string_view second;
};

// The engine's end. Belongs to one thread at a time.
class WorkerChannel {
 public:
  // With the other end, for the worker.
  static Result<std::pair<WorkerChannel, UniqueFd>> Make();

  int fd() const { return socket_.get(); }
  // How long Send() and Receive() wait; forever until it is called.
  void SetTimeout(std::chrono::milliseconds limit);
  // How long Receive() looks for an answer before it lets the kernel wake it: saves the wake-up
  // where answers come at once, costs that much CPU where they do not.
  void SetSpin(std::chrono::microseconds time) { spin_ = time; }

  // The parts of `second` are written one after the other. Errors: kUnavailable when the worker is
  // gone, kDeadlineExceeded, kPayloadTooLarge beyond limits::kWorkerFrameBytesMax.
  Status Send(FrameKind kind, std::uint64_t id, std::string_view first,
              const std::vector<std::string_view>& second);
  // Errors: kUnavailable when the worker is gone, kDeadlineExceeded, kDataLoss for anything that
  // is no well-formed frame.
  Result<Frame> Receive();

 private:
  explicit WorkerChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
  std::chrono::microseconds spin_{0};
};

}  // namespace joey
