#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/files.h"
#include "base/limits.h"
#include "base/sha256.h"
#include "data/arrow_ipc.h"
#include "engine/infer_handler.h"
#include "engine/inference_log.h"
#include "engine/metrics.h"
#include "http/infer_error.h"
#include "http/offload.h"
#include "http/server.h"
#include "runtime/onnx_model.h"

namespace joey::engine {

namespace asio = boost::asio;
using http::InferError;
using nlohmann::json;

namespace {

int ThreadCount(double cpus) {
  int machine = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (cpus <= 0) return machine;
  return std::min(machine, std::max(1, static_cast<int>(std::ceil(cpus))));
}

Result<std::shared_ptr<const Model>> LoadModel(OnnxRuntime& runtime, const ModelEntry& entry) {
  const std::string name = "model '" + entry.reference.name + "'";
  if (entry.runtime != "onnx") {
    return Status(Code::kUnimplemented, name + " needs the runtime '" + entry.runtime + "'",
                  "this engine runs onnx models");
  }
  JOEY_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(entry.path));
  if (Sha256::Hex(file.bytes()) != entry.reference.sha) {
    return Status(Code::kDataLoss, "the file of " + name + " is not the one that was uploaded",
                  "upload the model again");
  }
  Result<std::unique_ptr<Model>> model = runtime.Load(file.bytes());
  if (!model.ok()) return model.status().WithContext(name);
  return std::shared_ptr<const Model>(std::move(*model));
}

}  // namespace

struct Engine::Impl {
  Impl(DeploymentDocument given, HostPort listen)
      : document(std::move(given)),
        threads(ThreadCount(document.cpus)),
        metrics(document.pipeline_name),
        compute(static_cast<std::size_t>(threads)),
        server({.listen = std::move(listen), .io_threads = threads, .worker_threads = 1}) {}

  Status Load() {
    JOEY_ASSIGN_OR_RETURN(runtime, OnnxRuntime::Make(threads));
    std::vector<std::shared_ptr<const Model>> models;
    for (const ModelEntry& entry : document.models) {
      JOEY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model, LoadModel(*runtime, entry));
      models.push_back(std::move(model));
    }
    JOEY_ASSIGN_OR_RETURN(pipeline, Pipeline::Make(document, std::move(models)));
    if (document.logs) {
      JOEY_ASSIGN_OR_RETURN(log,
                            InferenceLog::Make({.spool_directory = document.logs->spool_directory,
                                                .address_file = document.logs->address_file,
                                                .token = document.logs->token}));
    }
    return {};
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
    server.HandleAsync("POST", "/pipelines/{name}",
                       [this](http::Request& request) { return HandleInfer(request); },
                       {.body_bytes_max = body_bytes_max});
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
      return path.starts_with("/pipelines/") ? InferError(status) : http::ErrorResponse(status);
    });
  }

  // Small, quick requests run where they were read; others must not hold up the thread's other
  // connections and go to the compute threads.
  asio::awaitable<http::Response> HandleInfer(http::Request& request) {
    if (request.path_parameters[0] != document.pipeline_name) {
      co_return InferError(
          NotFound("there is no pipeline '" + request.path_parameters[0] + "' on this engine",
                   "it runs '" + document.pipeline_name + "'"));
    }
    bool quick = request.body.size() <= limits::kInlineBodyBytesMax &&
                 recent_run_ns.load(std::memory_order_relaxed) <= limits::kInlineRunNanosMax;
    if (quick) co_return RunInfer(request);
    if (waiting.fetch_add(1) >= limits::kComputeQueueMax) {
      waiting.fetch_sub(1);
      co_return InferError(Unavailable("the engine has too many requests waiting",
                                       "send again later, or deploy more replicas"));
    }
    http::Response response =
        co_await http::Offload(compute, [this, &request] { return RunInfer(request); });
    waiting.fetch_sub(1);
    co_return response;
  }

  http::Response RunInfer(const http::Request& request) {
    auto start = std::chrono::steady_clock::now();
    InferOutcome outcome;
    http::Response response;
    try {
      response = Infer(request, *pipeline, log.get(), threads, outcome);
    } catch (const std::bad_alloc&) {
      response = InferError(
          ResourceExhausted("not enough memory for this request", "send fewer rows per request"));
    } catch (const std::exception& error) {
      response = InferError(Internal(std::string("the request failed: ") + error.what()));
    }
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    metrics.CountRequest(response.status, static_cast<double>(outcome.rows), seconds.count());
    if (outcome.rows > 0) {
      std::uint64_t before = recent_run_ns.load(std::memory_order_relaxed);
      recent_run_ns.store((3 * before + outcome.run_ns) / 4, std::memory_order_relaxed);
    }
    return response;
  }

  const DeploymentDocument document;
  const int threads;
  Metrics metrics;
  std::unique_ptr<OnnxRuntime> runtime;  // outlives the models in `pipeline`
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<InferenceLog> log;
  std::atomic<std::uint64_t> recent_run_ns = 0;  // moving average of a request's model time
  std::atomic<int> waiting = 0;
  std::atomic<bool> draining = false;
  asio::thread_pool compute;
  http::Server server;
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() {
  impl_->server.Stop();
  impl_->compute.join();
}

Result<std::unique_ptr<Engine>> Engine::Start(DeploymentDocument document, HostPort listen) {
  auto impl = std::make_unique<Impl>(std::move(document), std::move(listen));
  JOEY_RETURN_IF_ERROR(impl->Load());
  impl->AddRoutes();
  JOEY_RETURN_IF_ERROR(impl->server.Start());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

HostPort Engine::address() const { return impl_->server.address(); }

void Engine::Drain() {
  impl_->draining = true;
  impl_->server.Drain(limits::kDrainSecondsMax);
  if (impl_->log != nullptr) impl_->log->Flush(std::chrono::seconds(limits::kLogFlushSecondsMax));
}

}  // namespace joey::engine
