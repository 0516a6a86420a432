// One inference over HTTP: body to columns, pipeline, log, answer.
#pragma once

#include "engine/inference.h"
#include "http/message.h"

namespace joey::engine {

// Answers `POST /pipelines/{name}` (WIRE.md §4); request_form.h says how its form is chosen. The
// record is in `log` (which may be null) before the answer is returned. Thread-safe; blocks for as
// long as the models run.
Result<http::Response> Infer(const http::Request& request, const Pipeline& pipeline,
                             InferenceLog* log, int threads, InferOutcome& outcome);

}  // namespace joey::engine
