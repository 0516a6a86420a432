// The Open Inference Protocol over HTTP: /v2 and below (docs/oip.md).
#pragma once

#include <cstddef>
#include <memory>

#include "engine/oip_core.h"
#include "engine/request_runner.h"
#include "http/server.h"

namespace joey::engine {

// Adds the routes; call before the server starts. `core` and `runner` must live as long as the
// server.
void AddOipRoutes(http::Server& server, const OipCore& core, RequestRunner& runner,
                  std::size_t body_bytes_max);

// Answers an inference for `request`, whose first path parameter is the model and whose second, if
// there is one, the version.
Result<http::Response> AnswerOip(const http::Request& request, const OipCore& core,
                                 InferOutcome& outcome);

}  // namespace joey::engine
