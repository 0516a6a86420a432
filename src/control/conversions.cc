#include "control/conversions.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "control/model_rows.h"
#include "control/signature_json.h"
#include "data/schema_text.h"
#include "runtime/model_conversion.h"
#include "runtime/onnx_inspect.h"

namespace joey::control {

struct Conversions::Job {
  ModelVersion version;
  const FrameworkInfo* framework = nullptr;
  FrameworkModelOptions options;
  std::string text;                                // what was found, for people
  std::string native_sha;                          // of the converted file, where there is one
  std::optional<ModelSignature> native_signature;  // its inputs and outputs
  std::string image_path;
};

Status Conversions::Start() {
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(
        "SELECT id FROM model_version WHERE status NOT IN ('ready', 'error') ORDER BY id", {},
        [&](const SqlRow& row) { Add(row.Int(0)); });
  }));
  const unsigned count = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { Work(); });
  return {};
}

void Conversions::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Conversions::Add(std::int64_t version_id) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(version_id);
  }
  changed_.notify_one();
}

void Conversions::Work() {
  for (;;) {
    std::int64_t id = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      id = queue_.front();
      queue_.pop_front();
    }
    Run(id);
  }
}

void Conversions::Run(std::int64_t version_id) {
  const auto all = [&]() -> Status {
    JOEY_ASSIGN_OR_RETURN(Job job, Prepare(version_id));
    if (job.framework->converts) {
      JOEY_RETURN_IF_ERROR(Move(version_id, kAttemptingNative, ""));
      JOEY_RETURN_IF_ERROR(Convert(job));
    }
    if (job.native_sha.empty()) {
      JOEY_RETURN_IF_ERROR(Move(version_id, kPendingContainer, job.text));
      JOEY_RETURN_IF_ERROR(Move(version_id, kAttemptingContainer, job.text));
      JOEY_RETURN_IF_ERROR(CheckInWorker(job));
    }
    return Finish(job);
  };
  const Status status = all();
  // What was stopped stays in its state: the next start of the server takes it up again.
  if (status.ok() || stopping_) return;
  spdlog::warn("model version {}: {}", version_id, status.ToString());
  const Status moved = Move(version_id, kError, status.ToString());
  if (!moved.ok()) spdlog::error("model version {}: {}", version_id, moved.ToString());
}

Result<Conversions::Job> Conversions::Prepare(std::int64_t version_id) {
  Job job;
  std::vector<ModelConfig> configs;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(job.version, LoadModelVersion(connection, version_id));
    return LoadModelConfigs(connection, "WHERE model_version_id = ? ORDER BY id LIMIT 1",
                            {version_id}, configs);
  }));
  JOEY_ASSIGN_OR_RETURN(job.framework, FindFramework(job.version.framework));
  if (configs.empty() || !configs.front().input_schema || !configs.front().output_schema) {
    return Internal("the version has no schemas");
  }
  JOEY_ASSIGN_OR_RETURN(job.options.input_schema, DecodeSchema(*configs.front().input_schema));
  JOEY_ASSIGN_OR_RETURN(job.options.output_schema, DecodeSchema(*configs.front().output_schema));
  JOEY_ASSIGN_OR_RETURN(job.options.path, files_.Find(job.version.sha));
  job.options.name = job.version.name;
  job.options.framework = job.version.framework;
  job.options.memory_bytes = limits::kConversionMemoryBytesMax;
  job.options.timeout = std::chrono::seconds(limits::kConversionSecondsMax);
  JOEY_ASSIGN_OR_RETURN(
      job.options.environment,
      EnvironmentOf(job.version.framework, std::string(job.framework->environments.front()),
                    job.options.path));
  job.options.print = [name = job.version.name](std::string_view line) {
    spdlog::info("[{}] {}", name, line);
  };
  return job;
}

// Newest libraries first: an older environment is tried where the file cannot be loaded in it.
Status Conversions::Convert(Job& job) {
  Status first;
  for (const std::string_view lock : job.framework->environments) {
    job.options.environment.lock = std::string(lock);
    JOEY_RETURN_IF_ERROR(
        EnsureEnvironment(job.options.environment, [this] { return stopping_.load(); }).status());
    Result<Conversion> conversion = ConvertModel(job.options, [this] { return stopping_.load(); });
    if (!conversion.ok()) {
      if (first.ok()) first = conversion.status();
      if (conversion.status().code() == Code::kFailedPrecondition) continue;
      return conversion.status();
    }
    job.text = conversion->text;
    if (conversion->onnx.empty()) return {};
    JOEY_ASSIGN_OR_RETURN(auto pending, files_.WriteBytes(conversion->onnx));
    Result<ModelSignature> signature = InspectOnnx(conversion->onnx);
    if (!signature.ok()) return signature.status().WithContext("the converted model");
    JOEY_RETURN_IF_ERROR(files_.Keep(*pending));
    job.native_signature = std::move(*signature);
    job.native_sha = pending->sha();
    return {};
  }
  return first;
}

Status Conversions::CheckInWorker(Job& job) {
  JOEY_ASSIGN_OR_RETURN(
      const WorkerEnvironment environment,
      EnsureEnvironment(job.options.environment, [this] { return stopping_.load(); }));
  FrameworkModelOptions options = job.options;
  options.memory_bytes = limits::kWorkerMemoryBytesMax;
  JOEY_RETURN_IF_ERROR(LoadFrameworkModel(std::move(options)).status());
  job.image_path = ImagePath(job.options.environment, environment);
  return {};
}

Status Conversions::Finish(const Job& job) {
  const bool native = !job.native_sha.empty();
  return database_.Write([&](Connection& connection) -> Status {
    const std::string signature =
        SignatureToJson(native ? *job.native_signature : job.version.signature);
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("UPDATE model_version SET status = 'ready', status_text = ?2, native_sha = ?3, "
                 "environment = ?4, image_path = ?5, signature_json = ?6, updated_at = ?7 "
                 "WHERE id = ?1",
                 {job.version.id, job.text, job.native_sha, job.options.environment.lock,
                  job.image_path, signature, NowMicros()})
            .status());
    return connection
        .Run("UPDATE model_config SET runtime = ?2 WHERE model_version_id = ?1",
             {job.version.id, std::string(native ? "onnx" : "flight")})
        .status();
  });
}

Status Conversions::Move(std::int64_t version_id, std::string_view status, std::string_view text) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run(
            "UPDATE model_version SET status = ?2, status_text = ?3, updated_at = ?4 WHERE id = ?1",
            {version_id, status, text, NowMicros()})
        .status();
  });
}

}  // namespace joey::control
