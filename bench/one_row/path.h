// What an engine does for one small request, in one thread and without sockets: the same calls in
// the same order as http/connection.cc and engine/infer_handler.cc make them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_records.h"
#include "engine/inference.h"
#include "engine/log_spool.h"
#include "engine/metrics.h"
#include "engine/model_loader.h"
#include "engine/request_form.h"
#include "http/parser.h"
#include "http/router.h"

namespace joey::one_row {

// Each part is a function of its own that is never inlined: callgrind's inclusive cost of it is the
// cost of the part. Left out: receiving and sending, the event loop, the check of Host and Origin,
// the head of the response, shipping the log.
class Path {
 public:
  // `deployment` is a deployment document, `body` what every request holds.
  static Result<std::unique_ptr<Path>> Make(std::string_view deployment, std::string body,
                                            const std::string& spool);

  // In this order. `out` of the last one is the answer's body.
  [[gnu::noinline]] Status ReadHead();
  [[gnu::noinline]] Status TakeBody();
  [[gnu::noinline]] Status ParseBody();
  [[gnu::noinline]] Status Execute();
  [[gnu::noinline]] Status Log();
  [[gnu::noinline]] Status Answer();
  // Frees what the request held and counts it, as the engine does when a request ends.
  [[gnu::noinline]] Status End();

  const std::string& body() const { return body_; }
  const std::string& answer() const { return response_.body; }

 private:
  Path(const DeploymentDocument& document, std::string body);

  const std::string body_;
  const std::string received_;  // the head, as it is in a connection's buffer
  engine::Metrics metrics_;
  engine::ModelLoader loader_;  // outlives the models in pipeline_
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<engine::LogSpool> spool_;
  http::Router router_;

  // One request.
  http::Request request_;
  http::Head head_;
  engine::RequestForm form_;
  JsonRecords records_;
  InferenceRecord record_;
  http::Response response_;
  std::int64_t time_ms_ = 0;
  std::uint64_t parse_ns_ = 0;
};

}  // namespace joey::one_row
