// What crosses between an engine and libjoey_flight.so, which holds Arrow Flight and its gRPC.
#pragma once

#include <arrow/record_batch.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey::engine {

// One DoExchange call. Used by one thread; ends with the call.
class FlightStream {
 public:
  using Write = std::function<Status(const std::shared_ptr<arrow::RecordBatch>&)>;

  virtual ~FlightStream() = default;
  // Runs and logs one batch as an inference of its own and gives the answer to `write`. All
  // answers of a stream have the same schema. Any error ends the stream.
  virtual Status Infer(std::shared_ptr<arrow::RecordBatch> in, const Write& write) = 0;
};

// The engine, as the Flight server sees it. Thread-safe; outlives the server.
class FlightBackend {
 public:
  virtual ~FlightBackend() = default;
  virtual const std::string& pipeline() const = 0;
  // How long a client may neither send nor take anything.
  virtual std::chrono::seconds idle_max() const = 0;
  // Of the pipeline's inputs, as far as they are known before there is data.
  virtual std::shared_ptr<arrow::Schema> input_schema() const = 0;
  // kNotFound: a path that is not this pipeline's. kInvalidArgument: a command that is not
  // understood (docs/flight.md).
  virtual Status Check(const std::vector<std::string>& path, const std::string& command) const = 0;
  virtual Result<std::unique_ptr<FlightStream>> Open(const std::vector<std::string>& path,
                                                     const std::string& command) = 0;
};

class FlightServer {
 public:
  virtual ~FlightServer() = default;
  virtual int port() const = 0;
  // Takes no more calls and cancels those under way. Returns when all have ended.
  virtual void Stop() = 0;
};

// The library's only symbol. Listens when it returns; null with `status` set when it cannot.
using FlightStart = FlightServer*(FlightBackend& backend, const std::string& host, int port,
                                  Status& status);
inline constexpr char kFlightStart[] = "joey_start_flight";

}  // namespace joey::engine
