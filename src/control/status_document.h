// The status of a deployment as users see it (WIRE §2).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "deploy/deployer.h"

namespace joey::control {

// `key` is "<deploy_id>-<id>".
nlohmann::json StatusDocumentOf(const deploy::DeploymentStatus& status, const std::string& key);

// Of a deployment that could not be handed to the deployer.
nlohmann::json FailedStatusDocument(const Status& failure);

}  // namespace joey::control
