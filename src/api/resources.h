// The endpoints of each resource. The services must outlive them.
#pragma once

#include <string>

#include "api/endpoint.h"
#include "control/deployments.h"
#include "control/models.h"
#include "control/pipelines.h"
#include "control/workspaces.h"

namespace joey::api {

struct Services {
  control::Workspaces& workspaces;
  control::Models& models;
  control::Pipelines& pipelines;
  control::Deployments& deployments;
};

Endpoints WorkspaceEndpoints(const Services& services);
Endpoints ModelEndpoints(const Services& services);
Endpoints ModelConfigEndpoints(const Services& services);
// Uploads are spooled below `spool_directory`.
Endpoints UploadEndpoints(const Services& services, const control::User& user,
                          const std::string& spool_directory);
Endpoints PipelineEndpoints(const Services& services);
Endpoints DeploymentEndpoints(const Services& services);
// Routes that the gateway and the log store register themselves.
Endpoints ForeignEndpoints();

}  // namespace joey::api
