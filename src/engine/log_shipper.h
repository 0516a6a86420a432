// Carries the spool's records to joey serve. Internal to engine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/log_assembler.h"
#include "engine/log_spool.h"
#include "http/client.h"

namespace joey::engine {

// One thread. Batches go out in the order of their records; each names its source and the numbers
// of its first and last record, so that joey serve stores none twice.
class LogShipper {
 public:
  LogShipper(LogSpool& spool, std::string address_file, std::string token);
  ~LogShipper();

  // Waits until all that was appended before is acknowledged; false when it is not within
  // `deadline`.
  bool Flush(std::chrono::milliseconds deadline);

 private:
  struct Progress {
    std::size_t position = LogSegment::kFirstFrame;
    std::uint64_t stored_sequence = 0;  // known to be stored by joey serve
    std::map<std::uint32_t, LogSchema> schemas;
  };
  struct Batch {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::string topic;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::size_t end = 0;  // position behind its last frame
  };

  void Run();
  // Ships what is there. False: joey serve did not take it.
  bool ShipAll();
  bool ShipSegment(const std::shared_ptr<LogSegment>& segment);
  std::optional<Batch> NextBatch(const LogSegment& segment, Progress& progress);
  bool Send(const LogSegment& segment, const Batch& batch, Progress& progress);

  LogSpool& spool_;
  const std::string address_file_;
  const std::string token_;
  std::unique_ptr<http::Client> client_;
  std::map<const LogSegment*, Progress> progress_;

  std::mutex mutex_;
  std::condition_variable wake_;     // of the thread
  std::condition_variable shipped_;  // of Flush()
  bool stopping_ = false;
  std::uint64_t flush_requests_ = 0;
  std::uint64_t flush_done_ = 0;  // requests before a round that shipped everything
  std::thread thread_;
};

}  // namespace joey::engine
