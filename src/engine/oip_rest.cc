#include "engine/oip_rest.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "engine/oip_json.h"
#include "http/infer_error.h"

namespace joey::engine {

using http::OipError;
using nlohmann::json;

namespace {

constexpr std::string_view kJsonBytesHeader = "inference-header-content-length";

// How much of the body is the JSON object.
Result<std::size_t> JsonBytes(const http::Request& request) {
  const std::string_view header = request.Header(kJsonBytesHeader);
  if (header.empty()) return request.body.size();
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), bytes);
  if (error != std::errc() || end != header.data() + header.size() || bytes > request.body.size()) {
    return InvalidArgument("the header Inference-Header-Content-Length is '" + std::string(header) +
                               "', the body has " + std::to_string(request.body.size()) + " bytes",
                           "send the length of the JSON object at the body's start");
  }
  return bytes;
}

std::string_view Parameter(const http::Request& request, std::size_t index) {
  return index < request.path_parameters.size() ? request.path_parameters[index]
                                                : std::string_view();
}

Result<const OipModelInfo*> FindModel(const http::Request& request, const OipCore& core) {
  return core.Find(Parameter(request, 0), Parameter(request, 1));
}

json Tensors(const std::vector<OipTensorInfo>& tensors) {
  json out = json::array();
  for (const OipTensorInfo& tensor : tensors) {
    out.push_back({{"name", tensor.name}, {"datatype", tensor.datatype}, {"shape", tensor.shape}});
  }
  return out;
}

http::Response Metadata(const http::Request& request, const OipCore& core) {
  Result<const OipModelInfo*> found = FindModel(request, core);
  if (!found.ok()) return OipError(found.status());
  const OipModelInfo& info = **found;
  const json document = {{"name", info.name},
                         {"versions", {info.version}},
                         {"platform", kOipPlatform},
                         {"inputs", Tensors(info.inputs)},
                         {"outputs", Tensors(info.outputs)}};
  return http::Response::Json(document.dump());
}

http::Response ModelReady(const http::Request& request, const OipCore& core) {
  Result<const OipModelInfo*> found = FindModel(request, core);
  if (!found.ok()) return OipError(found.status());
  const bool ready = core.Ready();
  return http::Response::Json(json{{"name", (*found)->name}, {"ready", ready}}.dump(),
                              ready ? 200 : 503);
}

}  // namespace

void AddOipRoutes(http::Server& server, const OipCore& core, RequestRunner& runner,
                  std::size_t body_bytes_max) {
  const auto get = [&](std::string_view path, http::Handler handler) {
    server.Handle("GET", path, std::move(handler));
  };
  get("/v2", [](http::Request&) {
    const json document = {{"name", kOipServerName},
                           {"version", JOEY_VERSION},
                           {"extensions", {"binary_tensor_data"}}};
    return http::Response::Json(document.dump());
  });
  get("/v2/health/live", [](http::Request&) {
    return http::Response::Json(json{{"live", true}}.dump());
  });
  get("/v2/health/ready", [&core](http::Request&) {
    const bool ready = core.Ready();
    return http::Response::Json(json{{"ready", ready}}.dump(), ready ? 200 : 503);
  });
  const auto route = std::make_shared<const InferRoute>(
      InferRoute{[&core](const http::Request& request, InferOutcome& outcome) {
                   return AnswerOip(request, core, outcome);
                 },
                 OipError});
  for (const std::string model : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
    get(model, [&core](http::Request& request) { return Metadata(request, core); });
    get(model + "/ready", [&core](http::Request& request) { return ModelReady(request, core); });
    server.HandleAsync(
        "POST", model + "/infer",
        [route, &runner](http::Request& request) { return runner.Answer(*route, request); },
        {.body_bytes_max = body_bytes_max});
  }
}

Result<http::Response> AnswerOip(const http::Request& request, const OipCore& core,
                                 InferOutcome& outcome) {
  JOEY_ASSIGN_OR_RETURN(const OipModelInfo* info, FindModel(request, core));
  const std::int64_t time_ms = NowMicros() / 1000;
  const std::int64_t start_ns = OipClockNanos();
  JOEY_ASSIGN_OR_RETURN(std::size_t json_bytes, JsonBytes(request));
  JOEY_ASSIGN_OR_RETURN(OipRestRequest parsed, ParseOipJson(request.body, json_bytes));
  const std::string id = std::move(parsed.request.id);
  JOEY_ASSIGN_OR_RETURN(std::vector<OipColumn> columns,
                        core.Run(std::move(parsed.request), time_ms, start_ns, outcome));
  std::vector<bool> binary = std::move(parsed.binary);
  binary.resize(columns.size(), parsed.binary_output);
  return WriteOipAnswer(*info, id, std::move(columns), binary);
}

}  // namespace joey::engine
