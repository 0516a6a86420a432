// The endpoints of each resource. The services must outlive them.
#pragma once

#include <string>

#include "api/endpoint.h"
#include "auth/api_tokens.h"
#include "auth/users.h"
#include "control/access.h"
#include "control/connections.h"
#include "control/deployments.h"
#include "control/models.h"
#include "control/pipelines.h"
#include "control/tags.h"
#include "control/workspaces.h"
#include "drift/assays.h"
#include "logs/log_store.h"

namespace joey::api {

struct Services {
  control::AccessControl& access;
  control::Workspaces& workspaces;
  control::Models& models;
  control::Pipelines& pipelines;
  control::Deployments& deployments;
  control::Connections& connections;
  control::Tags& tags;
  drift::Assays& assays;
  logs::LogStore& logs;
  auth::Users& users;
  auth::ApiTokens& api_tokens;
};

Endpoints WorkspaceEndpoints(const Services& services);
Endpoints ModelEndpoints(const Services& services);
Endpoints ModelConfigEndpoints(const Services& services);
// Uploads are spooled below `spool_directory`.
Endpoints UploadEndpoints(const Services& services, const std::string& spool_directory);
Endpoints TokenEndpoints(const Services& services);
Endpoints UserEndpoints(const Services& services);
Endpoints PipelineEndpoints(const Services& services);
Endpoints DeploymentEndpoints(const Services& services);
Endpoints ConnectionEndpoints(const Services& services);
Endpoints TagEndpoints(const Services& services);
Endpoints AssayEndpoints(const Services& services);
// `token` is the secret with which engines deliver their logs.
Endpoints LogEndpoints(const Services& services, const std::string& token);
// Routes that the gateway registers itself.
Endpoints ForeignEndpoints();

}  // namespace joey::api
