// libjoey_flight.so: Arrow Flight's side of an engine. Knows no inference, only streams of batches.

#include <arrow/flight/server.h>

#include <chrono>
#include <exception>
#include <utility>

#include "engine/flight_plugin.h"
#include "flight/idle_watch.h"

namespace joey::engine {

namespace {

namespace flight = arrow::flight;

arrow::Status ToArrow(const Status& status) {
  const std::string text = status.ToString();
  switch (status.code()) {
    case Code::kOk:
      return arrow::Status::OK();
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kFailedPrecondition:
    case Code::kUnsupportedMediaType:
      return arrow::Status::Invalid(text);
    case Code::kNotFound:
      return arrow::Status::KeyError(text);
    case Code::kAlreadyExists:
      return arrow::Status::AlreadyExists(text);
    case Code::kResourceExhausted:
    case Code::kPayloadTooLarge:
      return arrow::Status::CapacityError(text);
    case Code::kUnauthenticated:
      return flight::MakeFlightError(flight::FlightStatusCode::Unauthenticated, text);
    case Code::kPermissionDenied:
      return flight::MakeFlightError(flight::FlightStatusCode::Unauthorized, text);
    case Code::kUnimplemented:
      return arrow::Status::NotImplemented(text);
    case Code::kDeadlineExceeded:
      return flight::MakeFlightError(flight::FlightStatusCode::TimedOut, text);
    case Code::kUnavailable:
      return flight::MakeFlightError(flight::FlightStatusCode::Unavailable, text);
    case Code::kDataLoss:
    case Code::kInternal:
      break;
  }
  return flight::MakeFlightError(flight::FlightStatusCode::Internal, text);
}

class Server final : public FlightServer, public flight::FlightServerBase {
 public:
  explicit Server(FlightBackend& backend) : backend_(backend), idle_(backend.idle_max()) {}
  ~Server() override { Stop(); }

  arrow::Status Start(const std::string& host, int port) {
    ARROW_ASSIGN_OR_RAISE(flight::Location location, flight::Location::ForGrpcTcp(host, port));
    ARROW_RETURN_NOT_OK(Init(flight::FlightServerOptions(location)));
    running_ = true;
    return arrow::Status::OK();
  }

  int port() const override { return flight::FlightServerBase::port(); }

  void Stop() override {
    if (!std::exchange(running_, false)) return;
    const auto now = std::chrono::system_clock::now();
    if (Shutdown(&now).ok()) (void)Wait();
  }

  arrow::Status DoExchange(const flight::ServerCallContext& context,
                           std::unique_ptr<flight::FlightMessageReader> reader,
                           std::unique_ptr<flight::FlightMessageWriter> writer) override {
    try {
      return Exchange(context, *reader, *writer);
    } catch (const std::exception& error) {
      return ToArrow(Internal(std::string("the stream failed: ") + error.what()));
    }
  }

  arrow::Status ListFlights(const flight::ServerCallContext&, const flight::Criteria*,
                            std::unique_ptr<flight::FlightListing>* listings) override {
    ARROW_ASSIGN_OR_RAISE(flight::FlightInfo info,
                          Info(flight::FlightDescriptor::Path({backend_.pipeline()})));
    *listings = std::make_unique<flight::SimpleFlightListing>(
        std::vector<flight::FlightInfo>{std::move(info)});
    return arrow::Status::OK();
  }

  arrow::Status GetFlightInfo(const flight::ServerCallContext&,
                              const flight::FlightDescriptor& request,
                              std::unique_ptr<flight::FlightInfo>* info) override {
    ARROW_RETURN_NOT_OK(ToArrow(backend_.Check(request.path, request.cmd)));
    ARROW_ASSIGN_OR_RAISE(flight::FlightInfo made, Info(request));
    *info = std::make_unique<flight::FlightInfo>(std::move(made));
    return arrow::Status::OK();
  }

  arrow::Status GetSchema(const flight::ServerCallContext&, const flight::FlightDescriptor& request,
                          std::unique_ptr<flight::SchemaResult>* schema) override {
    ARROW_RETURN_NOT_OK(ToArrow(backend_.Check(request.path, request.cmd)));
    return flight::SchemaResult::Make(*backend_.input_schema()).Value(schema);
  }

 private:
  // A batch is read when the answer to the one before it has been taken: a client that does not
  // read its answers is not read from either.
  arrow::Status Exchange(const flight::ServerCallContext& context,
                         flight::FlightMessageReader& reader, flight::FlightMessageWriter& writer) {
    const flight::FlightDescriptor& descriptor = reader.descriptor();
    Result<std::unique_ptr<FlightStream>> stream = backend_.Open(descriptor.path, descriptor.cmd);
    if (!stream.ok()) return ToArrow(stream.status());
    IdleWatch::Stream idle(idle_, context.peer());
    bool begun = false;
    while (!context.is_cancelled()) {
      ARROW_ASSIGN_OR_RAISE(flight::FlightStreamChunk chunk,
                            idle.Await([&] { return reader.Next(); }));
      if (chunk.data == nullptr && chunk.app_metadata == nullptr) break;
      if (chunk.data == nullptr) continue;
      const auto write = [&](const std::shared_ptr<arrow::RecordBatch>& answer) {
        arrow::Status written = begun ? arrow::Status::OK() : writer.Begin(answer->schema());
        begun = true;
        if (written.ok()) {
          written = idle.Await([&] {
            return chunk.app_metadata == nullptr
                       ? writer.WriteRecordBatch(*answer)
                       : writer.WriteWithMetadata(*answer, chunk.app_metadata);
          });
        }
        return written.ok() ? Status() : Unavailable("the client went away: " + written.message());
      };
      ARROW_RETURN_NOT_OK(ToArrow((*stream)->Infer(std::move(chunk.data), write)));
    }
    return begun ? writer.Close() : arrow::Status::OK();
  }

  arrow::Result<flight::FlightInfo> Info(const flight::FlightDescriptor& descriptor) const {
    return flight::FlightInfo::Make(*backend_.input_schema(), descriptor, {}, -1, -1);
  }

  FlightBackend& backend_;
  IdleWatch idle_;
  bool running_ = false;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) FlightServer* joey_start_flight(
    FlightBackend& backend, const std::string& host, int port, Status& status) {
  auto server = std::make_unique<Server>(backend);
  arrow::Status started = server->Start(host, port);
  if (started.ok()) return server.release();
  status = Unavailable("Arrow Flight cannot listen on " + host + ":" + std::to_string(port) + ": " +
                           started.message(),
                       "choose another port; 0 takes any free one");
  return nullptr;
}

}  // namespace joey::engine
