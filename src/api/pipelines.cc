#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

Endpoints PipelineEndpoints(const Services& services) {
  const Fields list = {{"pipelines", Type::kDocuments, Presence::kRequired, "pipeline"}};
  Endpoints out;
  out.push_back({.path = "/v1/api/pipelines/create",
                 .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
                 .family = "pipelines",
                 .summary = "A new version of the workspace's pipeline named `pipeline_id`",
                 .request = {{"pipeline_id", Type::kText},
                             {"workspace_id", Type::kInteger},
                             {"definition", Type::kObject}},
                 .response = {{"pipeline_pk_id", Type::kInteger},
                              {"pipeline_variant_pk_id", Type::kInteger},
                              {"pipeline_variant_version", Type::kUuid}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto made,
                                         services.pipelines.Create(
                                             call.Integer("workspace_id"), call.Text("pipeline_id"),
                                             call.body().at("definition"), call.user().id));
                   return json{{"pipeline_pk_id", made.pipeline_id},
                               {"pipeline_variant_pk_id", made.version_id},
                               {"pipeline_variant_version", made.version}};
                 }});
  out.push_back(
      {.path = "/v1/api/pipelines/list",
       .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
       .family = "pipelines",
       .summary = "The pipelines of a workspace, or all that the caller sees, newest first",
       .request = {{"workspace_id", Type::kInteger, Presence::kOptional}},
       .response = list,
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(const auto pipelines,
                               services.pipelines.List(call.Optional<std::int64_t>("workspace_id"),
                                                       ViewerOf(call.user())));
         return json{{"pipelines", ToJson(pipelines)}};
       }});
  out.push_back({.path = "/v1/api/pipelines/get",
                 .access = Access::Members({{Resource::kPipeline, "pipeline_id"}}),
                 .family = "pipelines",
                 .summary = "One pipeline",
                 .request = {{"pipeline_id", Type::kInteger}},
                 .response_document = "pipeline",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto pipeline,
                                         services.pipelines.Get(call.Integer("pipeline_id")));
                   return ToJson(pipeline);
                 }});
  out.push_back(
      {.path = "/v1/api/pipelines/find",
       .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
       .family = "pipelines",
       .summary = "The pipelines of a name, newest first",
       .request = {{"name", Type::kText}, {"workspace_id", Type::kInteger, Presence::kOptional}},
       .response = list,
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(
             const auto pipelines,
             services.pipelines.Find(call.Text("name"), call.Optional<std::int64_t>("workspace_id"),
                                     ViewerOf(call.user())));
         return json{{"pipelines", ToJson(pipelines)}};
       }});
  out.push_back(
      {.path = "/v1/api/pipelines/get_version",
       .access = Access::Members({{Resource::kPipelineVersion, "version"}}),
       .family = "pipelines",
       .summary = "One version of a pipeline by UUID",
       .request = {{"version", Type::kUuid}},
       .response = {{"pipeline_id", Type::kText},
                    {"version", Type::kUuid},
                    {"definition", Type::kObject},
                    {"pipeline_version", Type::kDocument, Presence::kRequired, "pipeline_version"}},
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(const auto version,
                               services.pipelines.GetVersion(call.Text("version")));
         json document = ToJson(version);
         return json{{"pipeline_id", version.pipeline_name},
                     {"version", version.version},
                     {"definition", document["definition"]},
                     {"pipeline_version", document}};
       }});
  out.push_back({.path = "/v1/api/plateau/get_topic_name",
                 .access = Access::Members({{Resource::kPipeline, "pipeline_pk_id"}}),
                 .family = "pipelines",
                 .summary = "The log topic of a pipeline",
                 .request = {{"pipeline_pk_id", Type::kInteger}},
                 .response = {{"topic_name", Type::kText}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto pipeline,
                                         services.pipelines.Get(call.Integer("pipeline_pk_id")));
                   return json{{"topic_name", TopicName(pipeline)}};
                 }});
  return out;
}

}  // namespace joey::api
