// Log records to read, and the door through which engines deliver them.
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "api/log_query.h"
#include "api/resources.h"
#include "base/limits.h"
#include "base/sha256.h"
#include "data/arrow_ipc.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

namespace {

constexpr std::string_view kFailuresSuffix = "-failures";

// The rows of a pipeline, or only those that broke a validation. Topics of pipelines end in a
// number, so the suffix is never part of one.
struct TopicView {
  std::string_view topic;
  bool failures_only = false;
};

// NotFound unless `path` names the topic of a pipeline, or that of its failures.
Result<TopicView> FindTopic(control::Pipelines& pipelines, std::string_view path) {
  JOEY_RETURN_IF_ERROR(logs::CheckTopicName(path));
  std::string_view name = path;
  const bool failures_only = name.ends_with(kFailuresSuffix);
  if (failures_only) name.remove_suffix(kFailuresSuffix.size());
  std::int64_t id = 0;
  const std::string_view digits = name.substr(name.rfind('-') + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error == std::errc() && end == digits.data() + digits.size()) {
    const auto pipeline = pipelines.Get(id);
    if (pipeline.ok() && TopicName(*pipeline) == name) return TopicView{name, failures_only};
    if (!pipeline.ok() && pipeline.status().code() != Code::kNotFound) return pipeline.status();
  }
  return NotFound("there is no pipeline with the log topic '" + std::string(path) + "'",
                  "ask /v1/api/plateau/get_topic_name for the topic of a pipeline");
}

Result<http::Response> ReadRecords(const Services& services, const http::Request& request) {
  JOEY_ASSIGN_OR_RETURN(const TopicView view,
                        FindTopic(services.pipelines, request.path_parameters.at(0)));
  JOEY_ASSIGN_OR_RETURN(logs::Query query, ParseLogQuery(request.Query()));
  query.failures_only = view.failures_only;
  JOEY_ASSIGN_OR_RETURN(const json body, ParseBody(request.body));
  JOEY_ASSIGN_OR_RETURN(const auto cursor, ParseCursor(body, query));
  JOEY_ASSIGN_OR_RETURN(const logs::Page page,
                        logs::ReadPage(services.logs.Find(view.topic), query, cursor));
  const json status = {{"status", logs::PageEndName(page.end)},
                       {"next", CursorDocument(page.next, query)}};
  const auto batch =
      page.batch->ReplaceSchemaMetadata(arrow::key_value_metadata({{"status", status.dump()}}));
  JOEY_ASSIGN_OR_RETURN(auto parts, EncodeArrowFile(*batch));
  http::Response response;
  response.content_type = kArrowFileType;
  for (ArrowPart& part : parts) response.parts.push_back({std::move(part.owner), part.bytes});
  return response;
}

// Digests of equal length, so that the time tells nothing about the secret.
bool SameSecret(std::string_view a, std::string_view b) {
  const std::string left = Sha256::Hex(a);
  const std::string right = Sha256::Hex(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Result<std::uint64_t> SequenceHeader(const http::Request& request, std::string_view name) {
  const std::string_view text = request.Header(name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return value;
  return InvalidArgument(std::string(name) + " is a whole number from 0 up",
                         "send the numbers of the first and of the last frame");
}

Result<http::Response> StoreRows(const Services& services, std::string_view token,
                                 const http::Request& request) {
  if (token.empty() || !SameSecret(request.Header("X-Joey-Token"), token)) {
    return Status(Code::kUnauthenticated, "X-Joey-Token is not the token of this server",
                  "only engines that joey serve started deliver logs here");
  }
  logs::AppendRequest append;
  append.source = request.Header("X-Joey-Source");
  JOEY_ASSIGN_OR_RETURN(append.first_sequence, SequenceHeader(request, "X-Joey-Sequence"));
  JOEY_ASSIGN_OR_RETURN(append.last_sequence, SequenceHeader(request, "X-Joey-Last-Sequence"));
  append.stream = request.body.view();
  JOEY_ASSIGN_OR_RETURN(const logs::AppendResult result,
                        services.logs.Append(request.path_parameters.at(0), append));
  if (result.kind != logs::AppendResult::Kind::kOverlap) {
    return http::Response::Json(json{{"last_sequence", result.last_sequence}}.dump());
  }
  return http::Response::Json(json{{"code", 409},
                                   {"msg", "some of the frames are stored already"},
                                   {"error", "already_exists"},
                                   {"hint", "send those after last_sequence"},
                                   {"last_sequence", result.last_sequence}}
                                  .dump(),
                              409);
}

// A raw handler that writes its errors as the API does.
template <typename Function>
std::function<http::Response(http::Request&, const control::User&)> Raw(Function function) {
  return [function](http::Request& request, const control::User&) {
    Result<http::Response> response = function(request);
    if (response.ok()) return std::move(response).value();
    if (HttpStatus(response.status().code()) >= 500) {
      spdlog::warn("{} {}: {}", request.method, request.path, response.status().ToString());
    }
    return http::ErrorResponse(response.status());
  };
}

}  // namespace

Endpoints LogEndpoints(const Services& services, const std::string& token) {
  Endpoints out;
  out.push_back({.method = "GET",
                 .path = "/v1/logs/topic/{topic}",
                 .access = Access::Members({{Resource::kLogTopic, "{topic}"}}),
                 .family = "logs",
                 .summary = "The partitions of a log topic and their numbers of records",
                 .response = {{"partitions", Type::kObject}},
                 .raw = Raw([services](http::Request& request) -> Result<http::Response> {
                   JOEY_ASSIGN_OR_RETURN(
                       const TopicView view,
                       FindTopic(services.pipelines, request.path_parameters.at(0)));
                   const logs::Topic* topic = services.logs.Find(view.topic);
                   const std::int64_t end = topic == nullptr ? 0 : topic->end_row();
                   return http::Response::Json(
                       json{{"partitions", {{kLogPartition, {{"end", end}}}}}}.dump());
                 })});
  out.push_back(
      {.path = "/v1/logs/topic/{topic}/records",
       .access = Access::Members({{Resource::kLogTopic, "{topic}"}}),
       .family = "logs",
       .summary = "A page of log records of a topic, as an Arrow IPC file",
       .raw = Raw([services](http::Request& request) { return ReadRecords(services, request); })});
  out.push_back({.path = "/v1/internal/logs/{topic}",
                 .access = Access::Engines(),
                 .family = "logs",
                 .summary = "Engines deliver log rows here",
                 .response = {{"last_sequence", Type::kInteger}},
                 .raw = Raw([services, token](http::Request& request) {
                   return StoreRows(services, token, request);
                 }),
                 .content_type = std::string(kArrowStreamType),
                 .body_bytes_max = limits::kLogAppendBytesMax});
  return out;
}

}  // namespace joey::api
