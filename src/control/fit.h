// Whether the models of a pipeline fit together and its checks fit them, by what was stored of them
// when they were uploaded.
#pragma once

#include <vector>

#include "base/status.h"
#include "control/records.h"
#include "pipeline/model_fields.h"
#include "pipeline/plan.h"

namespace joey::control {

// What the model takes and gives in a deployment: of ONNX and TensorFlow models by the signature of
// their files, of others by the schemas of the configuration. Open where neither says anything.
Result<ModelFields> FieldsOf(const ModelVersion& version, const ModelConfig& config);

// InvalidArgument: what an engine would refuse when it loads the models. `steps` has the fields of
// `plan.nodes`, in order.
Status CheckFit(const Plan& plan, const std::vector<StepFields>& steps);

}  // namespace joey::control
