// One sandboxed worker process with its channel and its output.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/sandbox.h"
#include "runtime/line_reader.h"
#include "runtime/worker_channel.h"
#include "runtime/worker_pool.h"

namespace joey {

// Belongs to one thread at a time, but for what is said to be of any thread.
class WorkerProcess {
 public:
  // Starts it and sends the kStart frame. It ends with the calling thread.
  static Result<std::unique_ptr<WorkerProcess>> Start(const WorkerPoolOptions& options);

  WorkerChannel& channel() { return channel_; }
  int pidfd() const { return sandboxed_.process.pidfd(); }
  unsigned layers() const { return sandboxed_.layers; }

  // Only of the supervising thread.
  LineReader& output() { return output_; }

  // Resident memory in bytes; of any thread.
  std::int64_t ResidentBytes() const;
  // Ends it for the memory it uses; of any thread.
  void KillForMemory();
  bool killed_for_memory() const { return killed_for_memory_; }

  // Ends it if it does not end by itself within `patience`, and says how it ended.
  std::string End(std::chrono::milliseconds patience = {});

 private:
  WorkerProcess(SandboxedProcess sandboxed, WorkerChannel channel, LineReader output)
      : sandboxed_(std::move(sandboxed)),
        channel_(std::move(channel)),
        output_(std::move(output)) {}

  SandboxedProcess sandboxed_;
  WorkerChannel channel_;
  LineReader output_;
  std::atomic<bool> killed_for_memory_ = false;
};

}  // namespace joey
