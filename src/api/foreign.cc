#include "api/resources.h"
#include "gateway/gateway.h"

namespace joey::api {

Endpoints ForeignEndpoints() {
  Endpoints out;
  for (const gateway::Gateway::RouteName& route : gateway::Gateway::Routes()) {
    const bool oip = route.path.find("/oip/") != std::string::npos;
    out.push_back(
        {.method = route.method,
         .path = route.path,
         .access = Access::Members({{control::Resource::kDeploymentName, "{deployment}"}}),
         .family = "inference",
         .summary = oip ? "The Open Inference Protocol of a deployment"
                        : "Inference: pandas records as JSON, or an Arrow IPC file"});
  }
  return out;
}

}  // namespace joey::api
