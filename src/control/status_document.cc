#include "control/status_document.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "control/engine_config.h"

namespace joey::control {

using nlohmann::json;

namespace {

const char* PhaseName(deploy::Phase phase) {
  switch (phase) {
    case deploy::Phase::kStarting:
      return "Starting";
    case deploy::Phase::kRunning:
      return "Running";
    case deploy::Phase::kError:
      return "Error";
    case deploy::Phase::kStopping:
      return "Stopping";
  }
  return "Error";
}

// Models that run in containers of their own on a cluster; here in workers of each engine.
json SidekicksOf(const json& document, const deploy::ReplicaStatus& replica) {
  json out = json::array();
  if (!document.is_object() || !document.contains("models")) return out;
  for (const json& model : document["models"]) {
    const std::string runtime = model.value("runtime", "");
    if (runtime == "python" || !RunsInWorkers(runtime)) continue;
    out.push_back({{"ip", replica.ip},
                   {"name", "engine-sidekick-" + model.value("name", "") + "-" + replica.name},
                   {"status", PhaseName(replica.phase)},
                   {"reason", replica.reason.empty() ? json(nullptr) : json(replica.reason)},
                   {"details", json::array()},
                   {"statuses", "\n"}});
  }
  return out;
}

}  // namespace

json StatusDocumentOf(const deploy::DeploymentStatus& status, const std::string& key) {
  // The deployer keeps the document it was given; one that cannot be read shows no models.
  const json document = json::parse(status.document, nullptr, false);
  json engines = json::array();
  json sidekicks = json::array();
  for (const deploy::ReplicaStatus& replica : status.replicas) {
    const char* phase = PhaseName(replica.phase);
    for (json& sidekick : SidekicksOf(document, replica)) sidekicks.push_back(std::move(sidekick));
    json models = json::array();
    if (document.is_object() && document.contains("models")) {
      for (const json& model : document["models"]) {
        models.push_back({{"name", model.value("name", "")},
                          {"version", model.value("version", "")},
                          {"sha", model.value("sha", "")},
                          {"status", phase}});
      }
    }
    engines.push_back(
        {{"ip", replica.ip},
         {"name", replica.name},
         {"status", phase},
         {"reason", replica.reason.empty() ? json(nullptr) : json(replica.reason)},
         {"details", replica.details},
         {"pipeline_statuses",
          {{"pipelines", json::array({{{"id", status.pipeline_name}, {"status", phase}}})}}},
         {"model_statuses", {{"models", std::move(models)}}}});
  }
  // Requests are spread over the engines by joey serve itself.
  json balancer = {{"ip", "127.0.0.1"},
                   {"name", "engine-lb-" + key},
                   {"status", "Running"},
                   {"reason", nullptr},
                   {"details", json::array()}};
  return {{"status", PhaseName(status.phase)},
          {"details", status.details},
          {"engines", std::move(engines)},
          {"engine_lbs", json::array({std::move(balancer)})},
          {"sidekicks", std::move(sidekicks)}};
}

json FailedStatusDocument(const Status& failure) {
  return {{"status", "Error"},
          {"details", json::array({failure.ToString()})},
          {"engines", json::array()},
          {"engine_lbs", json::array()},
          {"sidekicks", json::array()}};
}

}  // namespace joey::control
