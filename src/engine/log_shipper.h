// Carries the spool's records to joey serve. Internal to engine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

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
    std::size_t reported = 0;  // damage before this position was reported
  };
  struct Batch {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::string topic;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::size_t end = 0;  // position behind its last frame
    bool to_end = false;  // it holds all there was
  };

  void Run();
  // Ships what is there, in order. kBusy: a record is just being written, and what comes behind it
  // waits for it. kRefused: joey serve is away or did not take it.
  enum class Shipped { kAll, kBusy, kRefused };
  Shipped ShipAll();
  Shipped ShipSegment(const std::shared_ptr<LogSegment>& segment);
  std::optional<Batch> NextBatch(const LogSegment& segment, Progress& progress);
  bool Send(const LogSegment& segment, const Batch& batch, Progress& progress);
  // Keeps rows joey serve will never take in a file of the spool's directory.
  bool SetAside(const LogSegment& segment, const Batch& batch,
                const std::vector<std::string_view>& pieces);

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
