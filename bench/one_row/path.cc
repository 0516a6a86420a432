#include "path.h"

#include <chrono>

#include "base/clock.h"
#include "data/answer.h"

namespace joey::one_row {

namespace {

std::string HeadOf(std::string_view pipeline_name, std::size_t body_size) {
  return "POST /pipelines/" + std::string(pipeline_name) +
         " HTTP/1.1\r\n"
         "Host: 127.0.0.1:8080\r\n"
         "Content-Type: application/json; format=pandas-records\r\n"
         "Accept: application/json; format=pandas-records\r\n"
         "Content-Length: " +
         std::to_string(body_size) + "\r\n\r\n";
}

}  // namespace

Path::Path(const DeploymentDocument& document, std::string body)
    : body_(std::move(body)),
      received_(HeadOf(document.pipeline_name, body_.size())),
      metrics_(document.pipeline_name),
      loader_(document, 1) {}

Result<std::unique_ptr<Path>> Path::Make(std::string_view deployment, std::string body,
                                         const std::string& spool) {
  JOEY_ASSIGN_OR_RETURN(DeploymentDocument document, ParseDeploymentDocument(deployment));
  std::unique_ptr<Path> path(new Path(document, std::move(body)));
  std::vector<LoadedModel> models;
  for (const ModelEntry& entry : document.models) {
    JOEY_ASSIGN_OR_RETURN(LoadedModel model, path->loader_.Load(entry));
    models.push_back(std::move(model));
  }
  JOEY_ASSIGN_OR_RETURN(path->pipeline_, Pipeline::Make(document, std::move(models)));
  JOEY_ASSIGN_OR_RETURN(path->spool_, engine::LogSpool::Open(spool));
  path->router_.Add("POST", "/pipelines/{name}", {});
  return path;
}

Status Path::ReadHead() {
  std::size_t searched = 0;
  const std::size_t size = http::FindHeadEnd(received_, searched);
  request_.head.assign(received_.data(), size);
  request_.body = http::Body();
  request_.path.clear();
  head_ = http::Head();
  JOEY_RETURN_IF_ERROR(http::ParseRequestHead(request_.head, head_));
  request_.method = head_.method;
  request_.target = head_.target;
  std::swap(request_.headers, head_.headers);
  return router_.Match(request_).status();
}

Status Path::TakeBody() {
  request_.body.Reserve(*head_.content_length);
  request_.body.Append(body_);
  JOEY_ASSIGN_OR_RETURN(form_, engine::ReadRequestForm(request_));
  return {};
}

Status Path::ParseBody() {
  time_ms_ = NowMicros() / 1000;
  const auto start = std::chrono::steady_clock::now();
  JOEY_ASSIGN_OR_RETURN(records_, ParseJsonRecords(request_.body.view(), pipeline_->hints()));
  parse_ns_ = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
  return {};
}

Status Path::Execute() {
  JOEY_ASSIGN_OR_RETURN(record_,
                        pipeline_->Execute(std::move(records_.batch), time_ms_, parse_ns_));
  return {};
}

Status Path::Log() { return spool_->Append(record_); }

Status Path::Answer() {
  response_ = http::Response::Json(
      std::move(WriteJsonAnswer(record_, records_.cells, form_.options, 1).front()));
  return {};
}

Status Path::End() {
  metrics_.CountRequest(200, static_cast<double>(record_.rows), 1e-5);
  records_ = {};
  record_ = {};
  form_ = {};
  request_.body = http::Body();
  return {};
}

}  // namespace joey::one_row
