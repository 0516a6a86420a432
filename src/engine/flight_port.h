// Inference by Arrow Flight: streams of record batches in, streams of answers out (docs/flight.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/status.h"
#include "engine/inference_log.h"
#include "engine/request_runner.h"
#include "pipeline/pipeline.h"

namespace joey::engine {

class FlightPort {
 public:
  struct Parts {  // all outlive the port
    const Pipeline* pipeline;
    InferenceLog* log;  // may be null
    RequestRunner* runner;
    std::size_t batch_bytes_max;
    std::chrono::seconds idle_max;  // of a stream, see FlightBackend
  };

  // Opens the library and listens. kFailedPrecondition: there is no library; kUnavailable: the
  // port is taken.
  static Result<std::unique_ptr<FlightPort>> Open(const Parts& parts, const std::string& host,
                                                  int port);
  ~FlightPort();

  int port() const;

  // Takes no more batches, waits at most `seconds` for those under way and ends all streams.
  void Drain(int seconds);

 private:
  struct Impl;
  explicit FlightPort(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::engine
