#include "drift/schedule.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "base/clock.h"
#include "control/pipelines.h"
#include "drift/limits.h"

namespace joey::drift {

Schedule::Schedule(Assays& assays, const logs::LogStore& logs, Database& database)
    : assays_(assays), logs_(logs), database_(database) {
  assays_.OnChange([this] {
    std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  });
}

Schedule::~Schedule() { Stop(); }

void Schedule::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Schedule::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Schedule::Run() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(kStartSeconds), [this] { return stopping_; });
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const bool more = RunDue();
    lock.lock();
    if (more) continue;
    changed_.wait_for(lock, std::chrono::seconds(kScheduleSecondsMax),
                      [this] { return woken_ || stopping_; });
  }
}

bool Schedule::RunDue() {
  const std::int64_t now = NowMicros() - kGraceMicros;
  const auto due = assays_.Due(now);
  if (!due.ok()) {
    spdlog::error("assays: {}", due.status().ToString());
    return false;
  }
  bool ran = false;
  for (const AssayRecord& record : *due) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return false;
    }
    const Status done = RunNext(record, now);
    if (done.ok()) {
      ran = true;
    } else {
      spdlog::warn("assay {} '{}': {}; it is tried again", record.id, record.assay.name,
                   done.ToString());
    }
  }
  return ran;
}

Status Schedule::RunNext(const AssayRecord& record, std::int64_t now) {
  JOEY_ASSIGN_OR_RETURN(const auto pipeline,
                        control::Pipelines(database_).Get(record.assay.pipeline_id));
  const LogValues values(logs_.Find(TopicName(pipeline)), record.assay.window.source);
  auto analysis = AnalyzeWindow(record.assay, values, record.next_window);
  if (!analysis.ok()) {
    const Code code = analysis.status().code();
    if (code != Code::kNotFound && code != Code::kInvalidArgument) return analysis.status();
    // It would be no different later.
    spdlog::info("assay {} '{}', window of {}: {}", record.id, record.assay.name,
                 FormatMicros(record.next_window), analysis.status().ToString());
    analysis = std::optional<Analysis>();
  }
  return assays_.Advance(record, *analysis,
                         NextWindow(record.assay, values, record.next_window, now));
}

}  // namespace joey::drift
