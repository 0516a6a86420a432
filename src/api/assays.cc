// Assays: baselines, interactive runs, and those that the server runs by itself.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/resources.h"
#include "base/clock.h"
#include "drift/analysis.h"
#include "drift/limits.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

namespace {

constexpr Presence kOptional = Presence::kOptional;

const Fields& AssayFields() {
  static const Fields fields = {{"name", Type::kText},
                                {"pipeline_id", Type::kInteger},
                                {"active", Type::kBoolean, kOptional},
                                {"baseline", Type::kObject},
                                {"window", Type::kObject},
                                {"summarizer", Type::kObject},
                                {"warning_threshold", Type::kNumber, kOptional},
                                {"alert_threshold", Type::kNumber},
                                {"run_until", Type::kTime, kOptional}};
  return fields;
}

// The assay of a request, of whose pipeline the caller is known to be a member, and that pipeline's
// log.
struct Watched {
  drift::Assay assay;
  const logs::Topic* topic = nullptr;
};

Result<Watched> ParseWatched(const Services& services, const Call& call) {
  Watched out;
  JOEY_ASSIGN_OR_RETURN(out.assay, drift::ParseAssay(call.body()));
  JOEY_ASSIGN_OR_RETURN(const auto pipeline, services.pipelines.Get(out.assay.pipeline_id));
  if (out.assay.window.source.pipeline_name != pipeline.name) {
    return InvalidArgument("'window.pipeline_name' is not the name of the pipeline 'pipeline_id'",
                           "name the same pipeline in both");
  }
  out.topic = services.logs.Find(TopicName(pipeline));
  return out;
}

Result<json> Summarize(const Services& services, const Call& call) {
  JOEY_ASSIGN_OR_RETURN(const auto summarizer, drift::ParseSummarizer(call.body()));
  JOEY_ASSIGN_OR_RETURN(auto baseline, drift::ParseBaselineRequest(call.body()));
  const logs::Topic* topic = nullptr;
  if (baseline.source) {
    // Finds only what the caller sees.
    JOEY_ASSIGN_OR_RETURN(const auto found,
                          services.pipelines.Find(baseline.source->pipeline_name,
                                                  baseline.workspace_id, ViewerOf(call.user())));
    topic = services.logs.Find(TopicName(found.front()));
  }
  JOEY_ASSIGN_OR_RETURN(const auto summary,
                        drift::SummarizeRequest(summarizer, std::move(baseline), topic));
  return drift::ToJson(summary);
}

Result<json> RunInteractive(const Services& services, const Call& call) {
  JOEY_ASSIGN_OR_RETURN(const Watched watched, ParseWatched(services, call));
  JOEY_ASSIGN_OR_RETURN(const auto analyses,
                        drift::AnalyzeWindows(watched.assay, watched.topic, NowMicros()));
  json out = json::array();
  for (const auto& analysis : analyses) out.push_back(drift::ToJson(watched.assay, analysis));
  return out;
}

// As a text of JSON, which is how the guide shows it; "created" before the first run.
std::string StatusText(const drift::AssayRecord& record) {
  if (!record.last_run) return "created";
  return fmt::format(R"({{"run_at": "{}", "num_ok": {}, "num_warnings": {}, "num_alerts": {}}})",
                     FormatMicros(*record.last_run), record.ok, record.warnings, record.alerts);
}

json TimeOrNull(const std::optional<std::int64_t>& micros) {
  return micros ? json(FormatMicros(*micros)) : json(nullptr);
}

json ToJson(const drift::AssayRecord& record) {
  const drift::Assay& assay = record.assay;
  json warning;
  if (assay.warning_threshold) warning = *assay.warning_threshold;
  return {{"id", record.id},
          {"name", assay.name},
          {"active", record.active},
          {"status", StatusText(record)},
          {"warning_threshold", std::move(warning)},
          {"alert_threshold", assay.alert_threshold},
          {"pipeline_id", assay.pipeline_id},
          {"pipeline_name", record.pipeline_name},
          {"workspace_id", record.workspace_id},
          {"model_name", assay.window.source.model_name},
          {"iopath", assay.window.source.path},
          {"baseline", {{"static", drift::ToJson(assay.baseline)}}},
          {"summarizer", drift::ToJson(assay.summarizer)},
          {"next_run", FormatMicros(record.next_run())},
          {"last_run", TimeOrNull(record.last_run)},
          {"created_at", FormatMicros(record.created_at)},
          {"updated_at", FormatMicros(record.updated_at)}};
}

// The three calls with a whole assay in them.
Endpoint OfAssay(const char* path, const char* summary, JsonHandler handler) {
  return {.path = path,
          .access = Access::Members({{Resource::kPipeline, "pipeline_id"}}),
          .family = "assays",
          .summary = summary,
          .request = AssayFields(),
          .handler = std::move(handler)};
}

Endpoint CreateEndpoint(const Services& services) {
  Endpoint out = OfAssay(
      "/v1/api/assays/create", "An assay that the server runs by itself",
      [services](const Call& call) -> Result<json> {
        JOEY_ASSIGN_OR_RETURN(const Watched watched, ParseWatched(services, call));
        JOEY_ASSIGN_OR_RETURN(const std::int64_t id,
                              services.assays.Create(call.body(), watched.assay, call.user().id));
        return json{{"assay_id", id}};
      });
  out.response = {{"assay_id", Type::kInteger}};
  return out;
}

Endpoint ResultsEndpoint(const Services& services) {
  return {.path = "/v1/api/assays/get_assay_results",
          .access = Access::Members({{Resource::kAssay, "assay_id"}}),
          .family = "assays",
          .summary = "The analyses of windows that begin from start to end, in order",
          .request = {{"assay_id", Type::kInteger}, {"start", Type::kTime}, {"end", Type::kTime}},
          .handler = [services](const Call& call) -> Result<json> {
            JOEY_ASSIGN_OR_RETURN(const std::int64_t start, ParseMicros(call.Text("start")));
            JOEY_ASSIGN_OR_RETURN(const std::int64_t end, ParseMicros(call.Text("end")));
            return services.assays.Results(call.Integer("assay_id"), start, end);
          }};
}

Endpoint SetActiveEndpoint(const Services& services) {
  return {.path = "/v1/api/assays/set_active",
          .access = Access::Members({{Resource::kAssay, "id"}}),
          .family = "assays",
          .summary = "Turns an assay off or on; what passes while it is off is not made up for",
          .request = {{"id", Type::kInteger}, {"active", Type::kBoolean}},
          .response = {{"id", Type::kInteger}, {"active", Type::kBoolean}},
          .handler = [services](const Call& call) -> Result<json> {
            const std::int64_t id = call.Integer("id");
            const bool active = call.body().at("active").get<bool>();
            JOEY_RETURN_IF_ERROR(services.assays.SetActive(id, active));
            return json{{"id", id}, {"active", active}};
          }};
}

}  // namespace

Endpoints AssayEndpoints(const Services& services) {
  Endpoints out;
  out.push_back(
      {.path = "/v1/api/assays/summarize",
       .access = Access::Users(),
       .family = "assays",
       .summary = "Statistics and bins of a baseline: an array, or rows of a log that the caller "
                  "sees",
       .request = {{"summarizer", Type::kObject}, {"baseline", Type::kObject}},
       .handler = [services](const Call& call) { return Summarize(services, call); },
       .body_bytes_max = drift::kBaselineBytesMax});
  out.push_back(OfAssay("/v1/api/assays/run_interactive",
                        "Analyses of the windows of an assay, not kept",
                        [services](const Call& call) { return RunInteractive(services, call); }));
  out.push_back(OfAssay(
      "/v1/api/assays/run_interactive_baseline", "The analysis of a baseline against itself",
      [services](const Call& call) -> Result<json> {
        JOEY_ASSIGN_OR_RETURN(const Watched watched, ParseWatched(services, call));
        return drift::ToJson(watched.assay, drift::AnalyzeBaseline(watched.assay));
      }));
  out.push_back(CreateEndpoint(services));
  out.push_back({.path = "/v1/api/assays/list",
                 .access = Access::Users(),
                 .family = "assays",
                 .summary = "The assays of the caller's pipelines, the oldest first",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto records,
                                         services.assays.List(ViewerOf(call.user())));
                   json list = json::array();
                   for (const auto& record : records) list.push_back(ToJson(record));
                   return list;
                 }});
  out.push_back(ResultsEndpoint(services));
  out.push_back(SetActiveEndpoint(services));
  return out;
}

}  // namespace joey::api
