// The gRPC server of the plug-in. Calls run on gRPC's own threads, of which there are more when
// many wait for a model.
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include <open_inference.grpc.pb.h>
#include "base/limits.h"
#include "engine/oip_grpc.h"
#include "grpc/tensors.h"

namespace joey::engine {

namespace {

grpc::StatusCode GrpcCode(Code code) {
  switch (code) {
    case Code::kOk:
      return grpc::StatusCode::OK;
    case Code::kInvalidArgument:
    case Code::kUnsupportedMediaType:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case Code::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Code::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::kOutOfRange:
      return grpc::StatusCode::OUT_OF_RANGE;
    case Code::kResourceExhausted:
    case Code::kPayloadTooLarge:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::kUnauthenticated:
      return grpc::StatusCode::UNAUTHENTICATED;
    case Code::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Code::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Code::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case Code::kDataLoss:
      return grpc::StatusCode::DATA_LOSS;
    case Code::kInternal:
      break;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status ToGrpc(const Status& status) { return {GrpcCode(status.code()), status.ToString()}; }

void Fill(
    const std::vector<OipTensorInfo>& tensors,
    google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>& out) {
  for (const OipTensorInfo& tensor : tensors) {
    auto& one = *out.Add();
    one.set_name(tensor.name);
    one.set_datatype(tensor.datatype);
    one.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
  }
}

constexpr int kWaitingThreads = 8;

class Service final : public inference::GRPCInferenceService::Service {
 public:
  explicit Service(OipService& service) : service_(service) {}

  grpc::Status ServerLive(grpc::ServerContext*, const inference::ServerLiveRequest*,
                          inference::ServerLiveResponse* response) override {
    response->set_live(true);
    return grpc::Status::OK;
  }

  grpc::Status ServerReady(grpc::ServerContext*, const inference::ServerReadyRequest*,
                           inference::ServerReadyResponse* response) override {
    response->set_ready(service_.Ready());
    return grpc::Status::OK;
  }

  grpc::Status ModelReady(grpc::ServerContext*, const inference::ModelReadyRequest* request,
                          inference::ModelReadyResponse* response) override {
    auto model = service_.Find(request->name(), request->version());
    if (!model.ok()) return ToGrpc(model.status());
    response->set_ready(service_.Ready());
    return grpc::Status::OK;
  }

  grpc::Status ServerMetadata(grpc::ServerContext*, const inference::ServerMetadataRequest*,
                              inference::ServerMetadataResponse* response) override {
    response->set_name(kOipServerName);
    response->set_version(JOEY_VERSION);
    return grpc::Status::OK;
  }

  grpc::Status ModelMetadata(grpc::ServerContext*, const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override {
    auto model = service_.Find(request->name(), request->version());
    if (!model.ok()) return ToGrpc(model.status());
    const OipModelInfo& info = **model;
    response->set_name(info.name);
    response->add_versions(info.version);
    response->set_platform(kOipPlatform);
    Fill(info.inputs, *response->mutable_inputs());
    Fill(info.outputs, *response->mutable_outputs());
    return grpc::Status::OK;
  }

  grpc::Status ModelInfer(grpc::ServerContext*, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    try {
      // The message is this call's own; its tensors are taken out of it instead of copied.
      return ToGrpc(Infer(const_cast<inference::ModelInferRequest&>(*request), *response));
    } catch (const std::exception& error) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              std::string("the request failed: ") + error.what()};
    }
  }

 private:
  Status Infer(inference::ModelInferRequest& request, inference::ModelInferResponse& response) {
    JOEY_ASSIGN_OR_RETURN(const OipModelInfo* model,
                          service_.Find(request.model_name(), request.model_version()));
    JOEY_ASSIGN_OR_RETURN(OipRequest parsed, ReadInferRequest(request));
    JOEY_ASSIGN_OR_RETURN(std::vector<OipTensor> outputs, service_.Infer(std::move(parsed)));
    WriteInferResponse(*model, request.id(), outputs, response);
    return {};
  }

  OipService& service_;
};

class Server final : public OipGrpcServer {
 public:
  explicit Server(OipService& service) : service_(service) {}
  ~Server() override {
    if (server_ != nullptr) Drain(0);
  }

  bool Start(const OipGrpcSettings& settings) {
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("joey");
    quota.SetMaxThreads(limits::kGrpcThreadsMax);
    builder.SetResourceQuota(quota);
    // Threads that wait for calls are kept: starting one costs more than a small model.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kWaitingThreads);
    const auto message_bytes_max =
        static_cast<int>(std::min<std::size_t>(settings.message_bytes_max, INT32_MAX));
    builder.SetMaxReceiveMessageSize(message_bytes_max);
    builder.SetMaxSendMessageSize(INT32_MAX);
    builder.AddListeningPort(settings.host + ":" + std::to_string(settings.port),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr && port_ > 0;
  }

  int port() const override { return port_; }

  void Drain(int seconds) override {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
    server_->Wait();
  }

 private:
  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

}  // namespace joey::engine

extern "C" __attribute__((visibility("default"))) joey::engine::OipGrpcServer* joey_start_oip_grpc(
    const joey::engine::OipGrpcSettings& settings, std::string* error) {
  try {
    auto server = std::make_unique<joey::engine::Server>(*settings.service);
    if (server->Start(settings)) return server.release();
  } catch (const std::exception& problem) {
    *error = problem.what();
  }
  return nullptr;
}
