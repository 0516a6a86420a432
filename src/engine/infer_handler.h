// One inference over HTTP: body to columns, pipeline, log, answer.
#pragma once

#include <cstdint>

#include "http/message.h"
#include "pipeline/pipeline.h"

namespace joey::engine {

class InferenceLog;

// What one inference took and gave, for metrics.
struct InferOutcome {
  std::int64_t rows = 0;
  std::uint64_t run_ns = 0;  // of all steps
};

// Answers `POST /pipelines/{name}` (WIRE.md §4): pandas-records JSON or Arrow by Content-Type,
// the same back, or what Accept names. The record is in `log` (which may be null) before the
// answer is returned: an inference that cannot be logged is refused. Thread-safe; blocks for as
// long as the models run.
http::Response Infer(const http::Request& request, const Pipeline& pipeline, InferenceLog* log,
                     int threads, InferOutcome& outcome);

}  // namespace joey::engine
