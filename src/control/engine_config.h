// What a deployment asks for: the `engine_config` of pipelines/deploy (WIRE §4.8).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "deploy/autoscaler.h"

namespace joey::control {

// What one containerized model gets for itself: sidekick_cpus(), sidekick_memory() …
struct SidekickConfig {
  double cpus = 0;                         // 0: as the engine
  std::int64_t memory_bytes = 0;           // 0: a share of the engine's
  std::map<std::string, std::string> env;  // of its processes
  std::string arch;                        // "x86", "arm"; empty: the deployment's
};

struct EngineConfig {
  std::int64_t replicas = 1;
  std::optional<deploy::Autoscale> autoscale;
  double cpus = 0;                // of each replica; 0: all of the machine
  std::int64_t memory_bytes = 0;  // of each replica; 0: no limit
  int grpc_port = 0;              // of all replicas; 0: no gRPC
  std::string arch;               // "x86", "arm"; empty: that of the models
  // By "<model name>-<model version id>". Those of models that run natively or stand in no step
  // have no effect.
  std::map<std::string, SidekickConfig> sidekicks;
};

// What only matters on a cluster (node_selector, image) is ignored; the load balancer's resources
// are checked and not used, as joey serve itself balances.
Result<EngineConfig> ParseEngineConfig(const nlohmann::json& document);

// Whether models of a runtime run in processes beside the engine, so that their sidekick counts.
bool RunsInWorkers(std::string_view runtime);

// What every message about what this machine does not have begins with.
inline constexpr std::string_view kInsufficientResources =
    "Cannot deploy pipeline due to insufficient resources. ";

// "900Mi", "1.5GiB", "1073741824": bytes.
Result<std::int64_t> ParseMemory(std::string_view text);

// What a deployment takes at the most, or all of them together.
struct Demand {
  double cpus = 0;
  double memory_bytes = 0;
};

// Compares what is asked with a machine of that many CPUs and bytes. FailedPrecondition "Cannot
// deploy pipeline due to insufficient resources. …" says what was asked and what there is; that is
// where the number that a deployment starts with, or its minimum, does not fit. A maximum of
// replicas that does not fit is lowered, with a note for the deployment's status in `notes`.
Status FitToMachine(EngineConfig& config, double machine_cpus, std::int64_t machine_memory_bytes,
                    std::vector<std::string>& notes);

// One replica with its sidekicks; 0 for what has no limit.
Demand DemandOfReplica(const EngineConfig& config);

// All replicas of a configuration that fits.
Demand DemandOf(const EngineConfig& config);

// Whether the deployment fits beside what others were promised.
Status CheckFitsBeside(const EngineConfig& config, const Demand& others, double machine_cpus,
                       std::int64_t machine_memory_bytes);

}  // namespace joey::control
