#include "runtime/model_conversion.h"

#include <poll.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/worker_model.h"
#include "runtime/worker_process.h"

namespace joey {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kTextBytesMax = 2000;

Status Ended(const WorkerPoolOptions& options, const std::string& ending) {
  return Unavailable(options.name + " ended while it was loaded: " + ending,
                     "the file crashes its library, or needs more memory than a converter gets");
}

// The frame, while what it prints is read, too: a full pipe would stop it.
Result<Frame> WaitForAnswer(WorkerProcess& worker, const WorkerPoolOptions& options,
                            const std::function<bool()>& cancelled) {
  const auto deadline = Clock::now() + options.timeout;
  for (;;) {
    pollfd polls[] = {{worker.channel().fd(), POLLIN, 0},
                      {worker.output().fd(), POLLIN, 0},
                      {worker.pidfd(), POLLIN, 0}};
    constexpr int kLookMillis = 200;
    ::poll(polls, std::size(polls), kLookMillis);
    if (polls[1].revents != 0 && !worker.output().ReadSome()) worker.output().Close();
    if (polls[0].revents != 0) {
      Result<Frame> frame = worker.channel().Receive();
      if (frame.ok() || frame.status().code() != Code::kUnavailable) return frame;
      return Ended(options, worker.End(std::chrono::seconds(1)));
    }
    if (polls[2].revents != 0) return Ended(options, worker.End());
    if (options.memory_bytes > 0 && worker.ResidentBytes() > options.memory_bytes) {
      return ResourceExhausted(options.name + " used more than " +
                                   std::to_string(options.memory_bytes) +
                                   " bytes of memory while it was loaded",
                               "upload a smaller model");
    }
    if (cancelled && cancelled()) return Unavailable("the conversion was stopped");
    if (Clock::now() >= deadline) {
      return Status(Code::kDeadlineExceeded,
                    options.name + " was not loaded within " +
                        std::to_string(options.timeout.count()) + " ms",
                    "the file runs code that does not end, or the model is too large");
    }
  }
}

std::string Text(const nlohmann::json& document, const char* key) {
  auto found = document.find(key);
  if (found == document.end() || !found->is_string()) return "";
  std::string text = found->get<std::string>();
  if (text.size() > kTextBytesMax) text = text.substr(0, kTextBytesMax) + "…";
  return text;
}

// "scikit-learn 1.9.1 (made with scikit-learn 1.1.3)"
std::string Libraries(const nlohmann::json& document) {
  std::string out;
  const auto versions = document.find("versions");
  if (versions != document.end() && versions->is_object()) {
    for (const auto& [library, version] : versions->items()) {
      if (version.is_string()) {
        out += (out.empty() ? "" : ", ") + library + " " + version.get<std::string>();
      }
    }
  }
  const auto notes = document.find("notes");
  if (notes != document.end() && notes->is_array() && !notes->empty()) {
    std::string all;
    for (const auto& note : *notes) {
      if (note.is_string()) all += (all.empty() ? "" : ", ") + note.get<std::string>();
    }
    out += " (" + all + ")";
  }
  return out;
}

}  // namespace

Result<Conversion> ConvertModel(const FrameworkModelOptions& options,
                                const std::function<bool()>& cancelled) {
  JOEY_ASSIGN_OR_RETURN(WorkerPoolOptions pool, FrameworkWorker(options, "convert"));
  JOEY_ASSIGN_OR_RETURN(WorkerStartPayload payload,
                        StartPayload({{"name", options.name}, {"framework", options.framework}}, "",
                                     options.input_schema, options.output_schema));
  pool.start_first = std::move(payload.first);
  pool.start_second = std::move(payload.second);
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<WorkerProcess> worker, WorkerProcess::Start(pool));
  Result<Frame> frame = WaitForAnswer(*worker, pool, cancelled);
  worker->End(std::chrono::seconds(frame.ok() ? 1 : 0));
  worker->output().ReadSome();
  worker->output().Finish();
  if (!frame.ok()) return frame.status();

  const nlohmann::json document = nlohmann::json::parse(frame->first, nullptr, false);
  const std::string outcome = document.is_object() ? Text(document, "outcome") : "";
  const std::string text = outcome.empty() ? "" : Text(document, "text");
  if (outcome == "error") {
    const std::string kind = Text(document, "kind");
    const Code code = kind == "load"     ? Code::kFailedPrecondition
                      : kind == "memory" ? Code::kResourceExhausted
                                         : Code::kInvalidArgument;
    return Status(code, text, Text(document, "hint"));
  }
  if (outcome == "native" && !frame->second.empty()) {
    return Conversion{std::string(frame->second), "native: converted from " + Libraries(document) +
                                                      " with " + Text(document, "tool") + ", " +
                                                      text};
  }
  if (outcome == "incompatible") {
    return Conversion{"", Libraries(document) + "; not native: " + text};
  }
  return Internal(pool.name + ": the converter did not answer as it should",
                  "see the log of joey serve");
}

}  // namespace joey
