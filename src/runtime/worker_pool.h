// Worker processes that all do the same: started, watched and replaced, each for one request at a
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "runtime/worker_channel.h"

namespace joey {

struct WorkerPoolOptions {
  std::string name;  // for messages: "Python step 'x'"
  int processes = 1;
  std::vector<std::string> arguments;  // [0] is the program
  std::vector<std::string> environment;
  std::vector<std::string> readable;  // files and directories beside the system's libraries
  std::vector<std::string> files;     // each opened for reading, as descriptors 5, 6 …
  std::int64_t memory_bytes = 0;      // of one process
  std::int64_t tmp_bytes = 64 << 20;  // of its private /tmp
  std::chrono::seconds start_timeout{limits::kWorkerStartSecondsMax};  // until it is ready
  std::chrono::milliseconds timeout{};
  std::string start_first, start_second;             // payload of the kStart frame
  std::function<void(std::string_view line)> print;  // called by one thread at a time
};

// Callable from any thread. A supervising thread starts the processes, reads what they print and
// starts a new one, after a growing pause, for each that ended. When it is destroyed, or this
// process ends in any way, the workers end.
class WorkerPool {
 public:
  // Waits until one worker is ready; the others follow. Errors: what the worker reported, or that
  // none came up.
  static Result<std::unique_ptr<WorkerPool>> Start(WorkerPoolOptions options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // What the first worker said when it was ready.
  const std::string& ready_text() const;

  // One request to one worker; those that must wait are served in the order they came. A kError
  // frame is an answer like others. `dispose` is asked whether the worker has to be replaced after
  // this answer. Errors: kDeadlineExceeded when the worker needed longer than the timeout, which
  // ends it; kUnavailable when it died or none is there.
  Result<Frame> Call(FrameKind kind, std::string_view first,
                     const std::vector<std::string_view>& second,
                     const std::function<bool(const Frame&)>& dispose);

 private:
  struct Impl;
  explicit WorkerPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The error that a kError frame describes.
Status WorkerError(const Frame& frame, std::string_view name);

}  // namespace joey
