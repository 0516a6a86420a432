// Errors of the inference path, the same from an engine and from the gateway.
#pragma once

#include "http/message.h"

namespace joey::http {

// The error document in an array: what the public client expects of an inference (WIRE.md §4.2).
Response InferError(const Status& status);

// The Open Inference Protocol's error document: {"error": text}.
Response OipError(const Status& status);

}  // namespace joey::http
