#include "api/resources.h"

namespace joey::api {

Endpoints ForeignEndpoints() {
  Endpoints out;
  out.push_back({.path = "/v1/api/pipelines/infer/{deployment}/{pipeline}",
                 .family = "inference",
                 .summary = "Inference: pandas records as JSON, or an Arrow IPC file"});
  out.push_back({.method = "GET",
                 .path = "/v1/logs/topic/{topic}",
                 .family = "logs",
                 .summary = "The partitions of a log topic"});
  out.push_back({.path = "/v1/logs/topic/{topic}/records",
                 .family = "logs",
                 .summary = "Log records of a topic, as Arrow IPC file or JSON"});
  return out;
}

}  // namespace joey::api
