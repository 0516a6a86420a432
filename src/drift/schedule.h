// Runs the active assays when their windows are over.
//
// What was missed while the server was down is made up for, window by window; no window is analysed
// twice, whatever ends the process. Waits on the monotonic clock: a jump of the wall clock is seen
// within seconds.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "drift/assays.h"
#include "logs/log_store.h"

namespace joey::drift {

// One thread. The assays and logs must outlive it.
class Schedule {
 public:
  Schedule(Assays& assays, const logs::LogStore& logs, Database& database);
  ~Schedule();  // stops

  void Start();
  // Finishes the window at work and ends the thread.
  void Stop();

 private:
  void Run();
  // Runs one window of each assay that is due; false when none was.
  bool RunDue();
  Status RunNext(const AssayRecord& record, std::int64_t now);

  Assays& assays_;
  const logs::LogStore& logs_;
  Database& database_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace joey::drift
