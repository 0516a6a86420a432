#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/limits.h"
#include "data/arrow_ipc.h"
#include "engine/flight_port.h"
#include "engine/infer_handler.h"
#include "engine/inference_log.h"
#include "engine/metrics.h"
#include "engine/model_loader.h"
#include "engine/oip_grpc.h"
#include "engine/oip_rest.h"
#include "engine/request_runner.h"
#include "http/infer_error.h"
#include "http/server.h"

namespace joey::engine {

using http::InferError;
using nlohmann::json;

namespace {

int ThreadCount(double cpus) {
  int machine = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (cpus <= 0) return machine;
  return std::min(machine, std::max(1, static_cast<int>(std::ceil(cpus))));
}

}  // namespace

struct Engine::Impl {
  Impl(DeploymentDocument given, HostPort listen)
      : document(std::move(given)),
        threads(ThreadCount(document.cpus)),
        metrics(document.pipeline_name),
        runner(metrics, threads),
        server({.listen = std::move(listen), .io_threads = threads, .worker_threads = 1}) {}

  Status Load() {
    loader = std::make_unique<ModelLoader>(document, threads);
    std::vector<LoadedModel> models;
    for (const ModelEntry& entry : document.models) {
      JOEY_ASSIGN_OR_RETURN(LoadedModel model, loader->Load(entry));
      models.push_back(std::move(model));
    }
    JOEY_ASSIGN_OR_RETURN(pipeline, Pipeline::Make(document, std::move(models)));
    metrics.AddSource([this] { return ShadowSamples(); });
    metrics.AddSource([this] { return BatchSamples(); });
    if (document.logs) {
      JOEY_ASSIGN_OR_RETURN(log,
                            InferenceLog::Make({.spool_directory = document.logs->spool_directory,
                                                .address_file = document.logs->address_file,
                                                .token = document.logs->token}));
    }
    return {};
  }

  std::vector<Metrics::Sample> ShadowSamples() const {
    std::vector<Metrics::Sample> out;
    for (const auto& counts : pipeline->shadow_counts()) {
      for (const auto& [outcome, count] :
           {std::pair("answered", &counts->answered), std::pair("late", &counts->late),
            std::pair("failed", &counts->failed), std::pair("skipped", &counts->skipped)}) {
        out.push_back(
            {"joey_shadow_runs_total",
             "Runs of shadow models by outcome; only answered ones are in answers and logs",
             {{"model", counts->model}, {"outcome", outcome}},
             static_cast<double>(count->load())});
      }
    }
    return out;
  }

  std::vector<Metrics::Sample> BatchSamples() const {
    std::vector<Metrics::Sample> out;
    for (const auto& [name, model] : loader->batched()) {
      const BatchCounts& counts = model->counts();
      out.push_back({"joey_batched_requests_total",
                     "Requests that shared a run of a model with others",
                     {{"model", name}},
                     static_cast<double>(counts.batched_requests.load())});
      out.push_back({"joey_batches_run_again_total",
                     "Batches that failed and were run one request at a time",
                     {{"model", name}},
                     static_cast<double>(counts.split_again.load())});
    }
    return out;
  }

  void AddRoutes() {
    // No request may take the engine over its deployment's memory: a quarter for a body, as much
    // for what Arrow bodies unpack to; the rest is for the model, tensors and answers.
    std::size_t body_bytes_max = limits::kInferBodyBytesMax;
    if (document.memory_bytes > 0) {
      const std::int64_t share = document.memory_bytes / 4;
      body_bytes_max = std::min(body_bytes_max, static_cast<std::size_t>(share));
      LimitUnpackedArrow(std::min(limits::kArrowUnpackedBytesMax, share));
    }
    runner.LimitBodies(body_bytes_max);
    if (!pipeline->in_process()) runner.RunAside();
    native = {.answer = [this](const http::Request& request,
                               InferOutcome& outcome) { return AnswerNative(request, outcome); },
              .error = InferError};
    server.HandleAsync("POST", "/pipelines/{name}",
                       [this](http::Request& request) { return runner.Answer(native, request); },
                       {.body_bytes_max = body_bytes_max});
    oip.emplace(
        OipCore::Engine{pipeline.get(), log.get(), &runner, [this] { return !draining.load(); }});
    AddOipRoutes(server, *oip, runner, body_bytes_max);
    message_bytes_max = body_bytes_max;
    const auto get = [this](std::string_view path, http::Handler handler) {
      server.Handle("GET", path, std::move(handler));
    };
    get("/pipelines", [this](http::Request&) {
      json one = {{"id", document.pipeline_name}, {"status", "Running"}};
      return http::Response::Json(json{{"pipelines", {one}}}.dump());
    });
    get("/models", [this](http::Request&) {
      json models = json::array();
      for (const ModelEntry& entry : document.models) {
        models.push_back({{"name", entry.reference.name},
                          {"version", entry.reference.version},
                          {"sha", entry.reference.sha},
                          {"status", "Running"}});
      }
      return http::Response::Json(json{{"models", models}}.dump());
    });
    get("/healthz", [](http::Request&) { return http::Response::Text("ok\n"); });
    get("/readyz", [this](http::Request&) {
      return draining ? http::Response::Text("draining\n", 503) : http::Response::Text("ready\n");
    });
    get("/metrics", [this](http::Request&) { return http::Response::Text(metrics.Text()); });
    server.SetErrorFormatter([](const Status& status, std::string_view path) {
      if (path.starts_with("/v2")) return http::OipError(status);
      return path.starts_with("/pipelines/") ? InferError(status) : http::ErrorResponse(status);
    });
  }

  Result<http::Response> AnswerNative(const http::Request& request, InferOutcome& outcome) {
    if (request.path_parameters[0] != document.pipeline_name) {
      return NotFound("there is no pipeline '" + request.path_parameters[0] + "' on this engine",
                      "it runs '" + document.pipeline_name + "'");
    }
    return Infer(request, *pipeline, log.get(), threads, outcome);
  }

  const DeploymentDocument document;
  const int threads;
  Metrics metrics;
  std::unique_ptr<ModelLoader> loader;  // outlives the models in `pipeline`
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<InferenceLog> log;
  std::atomic<bool> draining = false;
  RequestRunner runner;
  InferRoute native;
  std::optional<OipCore> oip;
  std::size_t message_bytes_max = 0;
  http::Server server;
  std::unique_ptr<OipGrpcServer> grpc;  // null where nobody asked for it
  std::unique_ptr<FlightPort> flight;   // the same
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() {
  impl_->grpc.reset();
  impl_->flight.reset();
  impl_->server.Stop();
  impl_->runner.Join();
}

Result<std::unique_ptr<Engine>> Engine::Start(DeploymentDocument document, HostPort listen) {
  auto impl = std::make_unique<Impl>(std::move(document), std::move(listen));
  JOEY_RETURN_IF_ERROR(impl->Load());
  impl->AddRoutes();
  JOEY_RETURN_IF_ERROR(impl->server.Start());
  if (impl->document.grpc_port) {
    JOEY_ASSIGN_OR_RETURN(impl->grpc, StartOipGrpc({.service = &*impl->oip,
                                                    .host = impl->server.address().host,
                                                    .port = *impl->document.grpc_port,
                                                    .message_bytes_max = impl->message_bytes_max}));
  }
  if (impl->document.flight_port) {
    JOEY_ASSIGN_OR_RETURN(
        impl->flight, FlightPort::Open({.pipeline = impl->pipeline.get(),
                                        .log = impl->log.get(),
                                        .runner = &impl->runner,
                                        .batch_bytes_max = impl->message_bytes_max,
                                        .idle_max = impl->document.flight_idle_max},
                                       impl->server.address().host, *impl->document.flight_port));
  }
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

HostPort Engine::address() const { return impl_->server.address(); }

std::optional<HostPort> Engine::grpc_address() const {
  if (impl_->grpc == nullptr) return std::nullopt;
  return HostPort{address().host, static_cast<std::uint16_t>(impl_->grpc->port())};
}

std::optional<HostPort> Engine::flight_address() const {
  if (impl_->flight == nullptr) return std::nullopt;
  return HostPort{address().host, static_cast<std::uint16_t>(impl_->flight->port())};
}

void Engine::Drain() {
  impl_->draining = true;
  std::vector<std::thread> others;
  if (impl_->grpc != nullptr) {
    others.emplace_back([this] { impl_->grpc->Drain(limits::kDrainSecondsMax); });
  }
  if (impl_->flight != nullptr) {
    others.emplace_back([this] { impl_->flight->Drain(limits::kDrainSecondsMax); });
  }
  impl_->server.Drain(limits::kDrainSecondsMax);
  for (std::thread& other : others) other.join();
  if (impl_->log != nullptr) impl_->log->Flush(std::chrono::seconds(limits::kLogFlushSecondsMax));
}

}  // namespace joey::engine
