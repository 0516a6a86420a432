#include "cli/spool_recovery.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <utility>

#include "base/limits.h"
#include "engine/inference_log.h"

namespace joey::cli {

SpoolRecovery::SpoolRecovery(std::string address_file, std::string token)
    : address_file_(std::move(address_file)), token_(std::move(token)) {
  thread_ = std::thread([this] { Run(); });
}

SpoolRecovery::~SpoolRecovery() { Stop(); }

void SpoolRecovery::Add(std::string directory) {
  std::lock_guard lock(mutex_);
  directories_.push_back(std::move(directory));
  changed_.notify_all();
}

void SpoolRecovery::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void SpoolRecovery::Run() {
  for (;;) {
    std::string directory;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !directories_.empty(); });
      if (directories_.empty()) return;
      directory = std::move(directories_.front());
      directories_.pop_front();
    }
    Recover(directory);
  }
}

void SpoolRecovery::Recover(const std::string& directory) const {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return;
  Result<std::unique_ptr<engine::InferenceLog>> log =
      engine::InferenceLog::Make({directory, address_file_, token_});
  if (!log.ok()) {
    spdlog::warn("the log spool {} is not recovered: {}", directory, log.status().ToString());
    return;
  }
  const bool shipped = (*log)->Flush(std::chrono::seconds(limits::kSpoolRecoverySecondsMax));
  log->reset();
  if (!shipped) {
    spdlog::warn("the log spool {} is not wholly shipped; it is tried again later", directory);
    return;
  }
  // What was set aside as damaged or refused stays.
  std::filesystem::remove(directory + "/lock", error);
  std::filesystem::remove(directory, error);
  std::filesystem::remove(std::filesystem::path(directory).parent_path(), error);  // when empty
}

}  // namespace joey::cli
