#include "engine/infer_handler.h"

#include <chrono>

#include "base/clock.h"
#include "data/answer.h"
#include "data/arrow_ipc.h"
#include "data/json_records.h"

namespace joey::engine {

namespace {

constexpr std::string_view kJsonType = "application/json";

enum class Format { kJson, kArrow };

bool StartsWith(std::string_view text, std::string_view prefix) {
  return http::EqualsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

bool IsArrow(std::string_view media_type) {
  return StartsWith(media_type, kArrowFileType) || StartsWith(media_type, kArrowStreamType);
}

Result<Format> InputFormat(const http::Request& request) {
  std::string_view type = request.Header("content-type");
  if (StartsWith(type, kJsonType)) return Format::kJson;
  if (IsArrow(type)) return Format::kArrow;
  return Status(Code::kUnsupportedMediaType, "Content-Type is '" + std::string(type) + "'",
                "send application/json with pandas records, or application/vnd.apache.arrow.file");
}

Format OutputFormat(const http::Request& request, Format input) {
  std::string_view accept = request.Header("accept");
  if (accept.find(kArrowFileType) != std::string_view::npos) return Format::kArrow;
  if (accept.find(kJsonType) != std::string_view::npos) return Format::kJson;
  return input;
}

AnswerOptions ReadOptions(const http::Request& request) {
  AnswerOptions options;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  for (http::QueryParameter& parameter : request.Query()) {
    if (parameter.name == "dataset[]" || parameter.name == "dataset") {
      include.push_back(std::move(parameter.value));
    } else if (parameter.name == "dataset.exclude[]" || parameter.name == "dataset.exclude") {
      exclude.push_back(std::move(parameter.value));
    } else if (parameter.name == "dataset.separator") {
      options.separator = std::move(parameter.value);
    }
  }
  // Asked for nothing in particular, a request gets the whole record with its metadata.
  options.dataset = include.empty() && exclude.empty()
                        ? Dataset::All()
                        : Dataset(std::move(include), std::move(exclude));
  return options;
}

Result<http::Response> ArrowResponse(const InferenceRecord& record, const AnswerOptions& options) {
  auto table = MakeAnswerTable(record, options);
  Result<std::vector<ArrowPart>> parts = EncodeArrowFile(*table);
  if (!parts.ok()) return parts.status();
  http::Response response;
  response.content_type = kArrowFileType;
  for (ArrowPart& part : *parts) {
    response.parts.push_back({std::move(part.owner), part.bytes});
  }
  return response;
}

}  // namespace

Result<http::Response> Infer(const http::Request& request, const Pipeline& pipeline,
                             InferenceLog* log, int threads, InferOutcome& outcome) {
  JOEY_ASSIGN_OR_RETURN(Format format, InputFormat(request));
  AnswerOptions options = ReadOptions(request);

  std::int64_t time_ms = NowMicros() / 1000;
  auto start = std::chrono::steady_clock::now();
  std::shared_ptr<arrow::RecordBatch> in;
  std::vector<std::string_view> cells;
  std::shared_ptr<const void> copied_text;
  if (format == Format::kJson) {
    JOEY_ASSIGN_OR_RETURN(JsonRecords records,
                          ParseJsonRecords(request.body.view(), pipeline.hints(), threads));
    in = std::move(records.batch);
    cells = std::move(records.cells);
    copied_text = std::move(records.copied_text);
  } else {
    JOEY_ASSIGN_OR_RETURN(in, DecodeArrow(request.body.owner(), request.body.view()));
  }
  auto parse_ns = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());

  JOEY_ASSIGN_OR_RETURN(InferenceRecord record,
                        RunInference(pipeline, log, std::move(in), time_ms, parse_ns, outcome));
  if (OutputFormat(request, format) == Format::kArrow) return ArrowResponse(record, options);
  return http::Response::Json(WriteJsonAnswer(record, cells, options));
}

}  // namespace joey::engine
