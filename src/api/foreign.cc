#include "api/resources.h"

namespace joey::api {

Endpoints ForeignEndpoints() {
  Endpoints out;
  out.push_back({.path = "/v1/api/pipelines/infer/{deployment}/{pipeline}",
                 .access = Access::Members({{control::Resource::kDeploymentName, "{deployment}"}}),
                 .family = "inference",
                 .summary = "Inference: pandas records as JSON, or an Arrow IPC file"});
  return out;
}

}  // namespace joey::api
