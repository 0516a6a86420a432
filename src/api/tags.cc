#include <functional>

#include "api/documents.h"
#include "api/resources.h"
#include "base/clock.h"

namespace joey::api {

using control::Resource;
using control::Tags;
using nlohmann::json;

namespace {

constexpr Presence kOptional = Presence::kOptional;

// One of the four calls that put a tag on something or take it off.
struct TagCall {
  const char* path;
  const char* summary;
  Resource resource;
  const char* key;     // of the thing in the request
  const char* answer;  // of the thing in the answer,
  const char* tag;     // and of the tag
  Status (Tags::*call)(std::int64_t tag_id, std::int64_t id);
};

constexpr TagCall kTagCalls[] = {
    {"/v1/api/tags/add_to_pipeline", "Puts a tag on a pipeline", Resource::kPipeline, "pipeline_id",
     "pipeline_pk_id", "tag_pk_id", &Tags::AddToPipeline},
    {"/v1/api/tags/remove_from_pipeline", "Takes a tag off a pipeline", Resource::kPipeline,
     "pipeline_id", "pipeline_pk_id", "tag_pk_id", &Tags::RemoveFromPipeline},
    {"/v1/api/tags/add_to_model", "Puts a tag on a model version", Resource::kModelVersion,
     "model_id", "model_id", "tag_id", &Tags::AddToModelVersion},
    {"/v1/api/tags/remove_from_model", "Takes a tag off a model version", Resource::kModelVersion,
     "model_id", "model_id", "tag_id", &Tags::RemoveFromModelVersion},
};

Result<std::optional<std::int64_t>> Time(const Call& call, const char* key) {
  const auto text = call.Optional<std::string>(key);
  if (!text) return std::optional<std::int64_t>();
  const Result<std::int64_t> micros = ParseMicros(*text);
  if (!micros.ok()) return micros.status().WithContext(std::string("'") + key + "'");
  return std::optional(*micros);
}

Result<control::TimeRange> Range(const Call& call, const char* start, const char* end) {
  control::TimeRange range;
  JOEY_ASSIGN_OR_RETURN(range.start, Time(call, start));
  JOEY_ASSIGN_OR_RETURN(range.end, Time(call, end));
  return range;
}

Endpoint PipelineSearchEndpoint(const Services& services) {
  return {.path = "/v1/api/pipelines/search",
          .access = Access::Users(),
          .family = "tags",
          .summary = "Pipelines by name, version or tag, with the versions that were found",
          .request = {{"search_term", Type::kText, kOptional},
                      {"deployed", Type::kBoolean, kOptional},
                      {"created_start", Type::kTime, kOptional},
                      {"created_end", Type::kTime, kOptional},
                      {"updated_start", Type::kTime, kOptional},
                      {"updated_end", Type::kTime, kOptional}},
          .response = {{"pipelines", Type::kDocuments, Presence::kRequired, "pipeline"}},
          .handler = [services](const Call& call) -> Result<json> {
            control::PipelineSearch search;
            search.term = call.Optional<std::string>("search_term").value_or("");
            search.deployed = call.Optional<bool>("deployed");
            JOEY_ASSIGN_OR_RETURN(search.created, Range(call, "created_start", "created_end"));
            JOEY_ASSIGN_OR_RETURN(search.updated, Range(call, "updated_start", "updated_end"));
            JOEY_ASSIGN_OR_RETURN(const auto found,
                                  services.tags.SearchPipelines(search, ViewerOf(call.user())));
            return json{{"pipelines", ToJson(found)}};
          }};
}

Endpoint ModelSearchEndpoint(const Services& services) {
  return {.path = "/v1/api/models/search",
          .access = Access::Users(),
          .family = "tags",
          .summary = "Model versions by name, version, file name or tag; newest first",
          .request = {{"search_term", Type::kText, kOptional},
                      {"mine", Type::kBoolean, kOptional},
                      {"uploaded_time_start", Type::kTime, kOptional},
                      {"uploaded_time_end", Type::kTime, kOptional}},
          .response = {{"model_versions", Type::kDocuments, Presence::kRequired, "model_version"}},
          .handler = [services](const Call& call) -> Result<json> {
            control::ModelSearch search;
            search.term = call.Optional<std::string>("search_term").value_or("");
            if (call.Optional<bool>("mine").value_or(false)) search.owner_id = call.user().id;
            JOEY_ASSIGN_OR_RETURN(search.created,
                                  Range(call, "uploaded_time_start", "uploaded_time_end"));
            JOEY_ASSIGN_OR_RETURN(const auto found,
                                  services.tags.SearchModels(search, ViewerOf(call.user())));
            return json{{"model_versions", ToJson(found)}};
          }};
}

}  // namespace

Endpoints TagEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/tags/create",
                 .access = Access::Users(),
                 .family = "tags",
                 .summary = "A new tag, or the caller's present one of that text",
                 .request = {{"tag", Type::kText}},
                 .response_document = "tag",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto tag,
                                         services.tags.Create(call.Text("tag"), call.user().id));
                   return ToJson(tag);
                 }});
  out.push_back({.path = "/v1/api/tags/list",
                 .access = Access::Users(),
                 .family = "tags",
                 .summary = "The tags on what the caller sees, newest first",
                 .response = {{"tags", Type::kDocuments, Presence::kRequired, "tag_use"}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto uses,
                                         services.tags.List(ViewerOf(call.user())));
                   return json{{"tags", ToJson(uses)}};
                 }});
  out.push_back({.path = "/v1/api/tags/get",
                 .access = Access::Members({{Resource::kTag, "tag_id"}}),
                 .family = "tags",
                 .summary = "One tag and what it is on",
                 .request = {{"tag_id", Type::kInteger}},
                 .response_document = "tag_use",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto use, services.tags.Get(call.Integer("tag_id"),
                                                                           ViewerOf(call.user())));
                   return ToJson(use);
                 }});
  for (const TagCall& one : kTagCalls) {
    out.push_back({.path = one.path,
                   .access = Access::Members({{one.resource, one.key}, {Resource::kTag, "tag_id"}}),
                   .family = "tags",
                   .summary = one.summary,
                   .request = {{one.key, Type::kInteger}, {"tag_id", Type::kInteger}},
                   .response = {{one.answer, Type::kInteger}, {one.tag, Type::kInteger}},
                   .handler = [services, one](const Call& call) -> Result<json> {
                     const std::int64_t id = call.Integer(one.key);
                     const std::int64_t tag_id = call.Integer("tag_id");
                     JOEY_RETURN_IF_ERROR((services.tags.*one.call)(tag_id, id));
                     return json{{one.answer, id}, {one.tag, tag_id}};
                   }});
  }
  out.push_back(PipelineSearchEndpoint(services));
  out.push_back(ModelSearchEndpoint(services));
  return out;
}

}  // namespace joey::api
