// Uploaded models of other frameworks on their way to "ready": converted to ONNX where that agrees
// with the original, else checked in a worker.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/frameworks.h"
#include "control/records.h"
#include "runtime/framework_model.h"
#include "store/database.h"
#include "store/model_files.h"

namespace joey::control {

// The states of a version, in their order. One that ends as a native model skips the container's.
inline constexpr std::string_view kPendingNative = "pending_load_native";
inline constexpr std::string_view kAttemptingNative = "attempting_load_native";
inline constexpr std::string_view kPendingContainer = "pending_load_container";
inline constexpr std::string_view kAttemptingContainer = "attempting_load_container";
inline constexpr std::string_view kReady = "ready";
inline constexpr std::string_view kError = "error";

// Threads: Add() from any. Its own threads, one for each CPU, do one version at a time each.
class Conversions {
 public:
  Conversions(Database& database, const ModelFiles& files) : database_(database), files_(files) {}
  ~Conversions() { Stop(); }

  // Starts again what was under way when the server ended, however it ended.
  Status Start();
  // Gives up what is running; the next Start() begins it again.
  void Stop();

  // A version in the state kPendingNative or kPendingContainer.
  void Add(std::int64_t version_id);

 private:
  struct Job;
  void Work();
  void Run(std::int64_t version_id);
  Result<Job> Prepare(std::int64_t version_id);
  // Without a native_sha after it, it has to run in a worker.
  Status Convert(Job& job);
  Status CheckInWorker(Job& job);
  Status Finish(const Job& job);
  Status Move(std::int64_t version_id, std::string_view status, std::string_view text);

  Database& database_;
  const ModelFiles& files_;
  std::mutex mutex_;  // over the queue
  std::condition_variable changed_;
  std::deque<std::int64_t> queue_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace joey::control
