// OIP inference on the engine's pipeline, the same for every transport.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inference.h"
#include "engine/oip.h"
#include "engine/oip_codec.h"

namespace joey::engine {

class RequestRunner;

class OipCore final : public OipService {
 public:
  struct Engine {
    const Pipeline* pipeline;
    InferenceLog* log;  // may be null
    RequestRunner* runner;
    std::function<bool()> ready;
  };
  // What `engine` points to must live as long.
  explicit OipCore(Engine engine);

  bool Ready() const override { return engine_.ready(); }
  Result<const OipModelInfo*> Find(std::string_view name, std::string_view version) const override;
  Result<std::vector<OipTensor>> Infer(OipRequest request) override;

  // Runs and logs, without counting: for handlers that a RequestRunner calls. The outputs that were
  // asked for in that order, or all of the pipeline. InvalidArgument: one that there is not,
  // as far as possible before anything runs.
  // `start_ns` is the steady clock's time when reading the request began.
  Result<std::vector<OipColumn>> Run(OipRequest request, std::int64_t time_ms,
                                     std::int64_t start_ns, InferOutcome& outcome) const;

 private:
  const Engine engine_;
  const OipModelInfo info_;
  // Null where it is not known which there are before there is data.
  const std::optional<std::vector<std::string>> outputs_;
};

// The steady clock, in nanoseconds.
std::int64_t OipClockNanos();

}  // namespace joey::engine
