// What a deployment asks for: the `engine_config` of pipelines/deploy (WIRE §4.8).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey::control {

struct EngineConfig {
  std::int64_t replicas = 1;
  double cpus = 0;                // of each replica; 0: all of the machine
  std::int64_t memory_bytes = 0;  // of each replica; 0: no limit
  std::string memory_text;        // as asked, for messages
  int grpc_port = 0;              // of all replicas; 0: no gRPC
  std::string arch;               // "x86", "arm"; empty: that of the models
};

// Keys that only matter on a cluster (node_selector, image, enginelb, engineAux …) are ignored.
Result<EngineConfig> ParseEngineConfig(const nlohmann::json& document);

// "900Mi", "1.5GiB", "1073741824": bytes.
Result<std::int64_t> ParseMemory(std::string_view text);

// "2.0 GiB"
std::string FormatBytes(std::int64_t bytes);

// Whether the deployment fits a machine with that many cpus and bytes; FailedPrecondition "Cannot
// deploy pipeline due to insufficient resources. …" says what was asked and what there is.
Status CheckFits(const EngineConfig& config, double machine_cpus,
                 std::int64_t machine_memory_bytes);

}  // namespace joey::control
