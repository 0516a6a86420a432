#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

Endpoints ModelConfigEndpoints(const Services& services) {
  constexpr Presence kOptional = Presence::kOptional;
  Endpoints out;
  out.push_back(
      {.path = "/v1/api/models/get_config_by_id",
       .access = Access::Members({{Resource::kModelVersion, "model_id"}}),
       .family = "models",
       .summary = "The newest configuration of a model version (`model_id`)",
       .request = {{"model_id", Type::kInteger}},
       .response = {{"model_config", Type::kDocument, Presence::kNullable, "model_config"}},
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(const auto config,
                               services.models.NewestConfig(call.Integer("model_id")));
         return json{{"model_config", ToJson(config)}};
       }});
  out.push_back(
      {.path = "/v1/api/models/get_config",
       .access = Access::Members({{Resource::kModelConfig, "model_config_id"}}),
       .family = "models",
       .summary = "One model configuration and its model version",
       .request = {{"model_config_id", Type::kInteger}},
       .response = {{"model_config", Type::kDocument, Presence::kRequired, "model_config"},
                    {"model_version", Type::kDocument, Presence::kRequired, "model_version"}},
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(const auto config,
                               services.models.GetConfig(call.Integer("model_config_id")));
         JOEY_ASSIGN_OR_RETURN(const auto version,
                               services.models.GetVersion(config.model_version_id));
         return json{{"model_config", ToJson(config)}, {"model_version", ToJson(version)}};
       }});
  out.push_back(
      {.path = "/v1/api/models/insert_model_config",
       .access = Access::Members({{Resource::kModelVersion, "model_version_id"}}),
       .family = "models",
       .summary = "A new configuration of a model version",
       .request = {{"model_version_id", Type::kInteger},
                   {"tensor_fields", Type::kTexts, kOptional},
                   {"filter_threshold", Type::kNumber, kOptional},
                   {"input_schema", Type::kText, kOptional},
                   {"output_schema", Type::kText, kOptional},
                   {"batch_config", Type::kText, kOptional}},
       .response = {{"model_config", Type::kDocument, Presence::kRequired, "model_config"}},
       .handler = [services](const Call& call) -> Result<json> {
         control::NewModelConfig config;
         config.model_version_id = call.Integer("model_version_id");
         config.tensor_fields = call.Optional<std::vector<std::string>>("tensor_fields");
         config.filter_threshold = call.Optional<double>("filter_threshold");
         config.input_schema = call.Optional<std::string>("input_schema");
         config.output_schema = call.Optional<std::string>("output_schema");
         config.batch_config = call.Optional<std::string>("batch_config");
         JOEY_ASSIGN_OR_RETURN(const control::ModelConfig made,
                               services.models.InsertConfig(config));
         return json{{"model_config", ToJson(made)}};
       }});
  return out;
}

}  // namespace joey::api
