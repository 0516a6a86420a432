// OIP messages of gRPC to tensors of bytes and back.
#pragma once

#include <open_inference.pb.h>
#include "engine/oip.h"

namespace joey::engine {

// Moves raw contents out of `message`. InvalidArgument: contents both raw and typed, or fewer or
// more than inputs, elements that do not fit the datatype.
Result<OipRequest> ReadInferRequest(inference::ModelInferRequest& message);

void WriteInferResponse(const OipModelInfo& model, const std::string& id,
                        const std::vector<OipTensor>& outputs,
                        inference::ModelInferResponse& message);

}  // namespace joey::engine
