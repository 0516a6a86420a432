// The inputs and outputs of a model that only its schemas tell.
#pragma once

#include "base/status.h"
#include "control/models.h"
#include "runtime/model_signature.h"

namespace joey::control {

// InvalidArgument: a schema is missing, is none, or declares what cannot be served.
Result<ModelSignature> SignatureOfSchemas(const ModelUpload& upload);

}  // namespace joey::control
