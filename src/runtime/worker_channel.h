// Frames between the engine and one worker process: a pair of sockets that keep messages apart.
//
// Small payloads are in the message, larger ones in an area of memory that both share and that the
// receiver copies from (fresh pages cost several times what a copy does), the largest in a sealed
// memory file that the message hands over.
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
  struct Pair;
  static Result<Pair> Make();

  int fd() const { return socket_.get(); }
  // How long Send() and Receive() wait; forever until it is called.
  void SetTimeout(std::chrono::milliseconds limit);

  // The parts of `second` are written one after the other. Errors: kUnavailable when the worker is
  // gone, kDeadlineExceeded, kPayloadTooLarge beyond limits::kWorkerFrameBytesMax.
  Status Send(FrameKind kind, std::uint64_t id, std::string_view first,
              const std::vector<std::string_view>& second);
  // Errors: kUnavailable when the worker is gone, kDeadlineExceeded, kDataLoss for anything that
  // is no well-formed frame.
  Result<Frame> Receive();

 private:
  WorkerChannel(UniqueFd socket, std::shared_ptr<char> area)
      : socket_(std::move(socket)), area_(std::move(area)) {}

  UniqueFd socket_;
  std::shared_ptr<char> area_;  // requests, then answers, of kWorkerAreaBytes each
};

// With what the worker gets: the other end and the area, as descriptors 3 and 4.
struct WorkerChannel::Pair {
  WorkerChannel channel;
  UniqueFd socket;
  UniqueFd area;
};

}  // namespace joey
