#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

Endpoints DeploymentEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/pipelines/deploy",
                 .access = Access::Members({{Resource::kPipeline, "pipeline_id"},
                                            {Resource::kModelConfig, "model_configs"}}),
                 .family = "deployments",
                 .summary = "Deploys a pipeline version; poll its status until it is Running",
                 .request = {{"deploy_id", Type::kText},
                             {"pipeline_version_pk_id", Type::kInteger},
                             {"pipeline_id", Type::kInteger},
                             {"engine_config", Type::kObject, Presence::kOptional},
                             {"model_configs", Type::kIntegers, Presence::kOptional}},
                 .response = {{"id", Type::kInteger}},
                 .handler = [services](const Call& call) -> Result<json> {
                   control::DeployRequest request;
                   request.deploy_id = call.Text("deploy_id");
                   request.pipeline_id = call.Integer("pipeline_id");
                   request.pipeline_version_id = call.Integer("pipeline_version_pk_id");
                   request.model_config_ids =
                       call.Optional<std::vector<std::int64_t>>("model_configs")
                           .value_or(std::vector<std::int64_t>());
                   request.viewer = ViewerOf(call.user());
                   JOEY_ASSIGN_OR_RETURN(
                       const std::int64_t id,
                       services.deployments.Deploy(
                           request, call.Optional<json>("engine_config").value_or(json::object())));
                   return json{{"id", id}};
                 }});
  out.push_back({.path = "/v1/api/pipelines/undeploy",
                 .access = Access::Members({{Resource::kDeployment, "deployment_id"}}),
                 .family = "deployments",
                 .summary = "Ends a deployment; its status is 404 once every engine has ended",
                 .request = {{"deployment_id", Type::kInteger}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_RETURN_IF_ERROR(
                       services.deployments.Undeploy(call.Integer("deployment_id")));
                   return json(nullptr);
                 }});
  out.push_back({.path = "/v1/api/status/get_deployment",
                 .access = Access::Members({{Resource::kDeploymentName, "name"}}),
                 .family = "deployments",
                 .summary = "The status of the deployment \"<deploy_id>-<id>\"",
                 .request = {{"name", Type::kText}},
                 .response_document = "deployment_status",
                 .handler = [services](const Call& call) -> Result<json> {
                   return services.deployments.StatusDocument(call.Text("name"));
                 }});
  return out;
}

}  // namespace joey::api
