// The log of an engine's inferences: kept on disk before the answer goes out, shipped to
// `joey serve` in the background.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "data/record.h"

namespace joey::engine {

struct InferenceLogOptions {
  std::string spool_directory;  // made when missing; what an earlier process left is shipped too
  std::string address_file;     // holds joey serve's HOST:PORT; read anew at each connection
  std::string token;            // sent along, so that only engines may write logs
};

class InferenceLog {
 public:
  // Starts the shipping thread.
  static Result<std::unique_ptr<InferenceLog>> Make(InferenceLogOptions options);
  virtual ~InferenceLog() = default;  // stops it; what is not shipped stays spooled

  // Keeps every row of the record; when this returns, a kill -9 of the process does not lose them.
  // kUnavailable or kResourceExhausted: the spool is full or the disk is; nothing was kept.
  // Thread-safe, far below a microsecond for one small row.
  virtual Status Append(const InferenceRecord& record) = 0;

  // Tries to ship everything appended so far within `deadline`; false when something is left.
  virtual bool Flush(std::chrono::milliseconds deadline) = 0;
};

}  // namespace joey::engine
