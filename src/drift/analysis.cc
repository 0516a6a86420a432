#include "drift/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "drift/limits.h"

namespace joey::drift {

using nlohmann::json;

namespace {

std::string StatusOf(const Assay& assay, double score) {
  if (score > assay.alert_threshold) return "Alert";
  if (assay.warning_threshold && score > *assay.warning_threshold) return "Warning";
  return "Ok";
}

json OrNull(const auto& value) { return value ? json(*value) : json(nullptr); }

}  // namespace

Result<Summary> SummarizeRequest(const Summarizer& summarizer, BaselineRequest request,
                                 const logs::Topic* topic) {
  if (!request.source) return SummarizeBaseline(summarizer, request.values);
  const LogValues values(topic, *request.source);
  JOEY_ASSIGN_OR_RETURN(auto found, values.Read(request.start, request.end));
  JOEY_ASSIGN_OR_RETURN(Summary summary, SummarizeBaseline(summarizer, found));
  summary.start = request.start;
  summary.end = request.end;
  return summary;
}

Result<std::optional<Analysis>> AnalyzeWindow(const Assay& assay, const LogValues& values,
                                              std::int64_t window_start) {
  const auto begun = std::chrono::steady_clock::now();
  const std::int64_t end = window_start + assay.window.width;
  JOEY_ASSIGN_OR_RETURN(auto found, values.Read(window_start, end));
  if (found.empty()) return std::optional<Analysis>();
  Analysis out;
  JOEY_ASSIGN_OR_RETURN(out.window, SummarizeWindow(assay.summarizer, assay.baseline, found));
  out.window.start = window_start;
  out.window.end = end;
  out.window_start = window_start;
  out.score = Compare(assay.summarizer, assay.baseline, out.window);
  out.status = StatusOf(assay, out.score.score);
  out.analyzed_at = NowMicros();
  out.elapsed_millis = static_cast<std::int64_t>(NanosSince(begun) / 1'000'000);
  return std::optional(std::move(out));
}

std::optional<std::int64_t> FirstWindow(const Assay& assay) {
  return assay.window.start ? assay.window.start : assay.baseline.end;
}

std::int64_t NextWindow(const Assay& assay, const LogValues& values, std::int64_t window_start,
                        std::int64_t now) {
  const Window& window = assay.window;
  const std::int64_t next = window_start + window.interval;
  // The first of the series that ends behind a time.
  const auto first_behind = [&](std::int64_t time) {
    const std::int64_t ahead = time - (next + window.width);
    return ahead < 0 ? next : next + (ahead / window.interval + 1) * window.interval;
  };
  const std::int64_t last = first_behind(now);
  const auto row = values.NextTime(next);
  return row ? std::min(first_behind(*row), last) : last;
}

Result<std::vector<Analysis>> AnalyzeWindows(const Assay& assay, const logs::Topic* topic,
                                             std::int64_t now) {
  const LogValues values(topic, assay.window.source);
  std::vector<Analysis> out;
  std::optional<std::int64_t> start = FirstWindow(assay);
  if (!start) start = values.NextTime(0);
  if (!start) return out;
  const std::int64_t until = assay.run_until.value_or(now);
  Status nothing;  // why the last window had no values
  for (std::int64_t at = *start; at + assay.window.width <= until;
       at = NextWindow(assay, values, at, until)) {
    auto analysis = AnalyzeWindow(assay, values, at);
    if (analysis.status().code() == Code::kNotFound) {
      nothing = analysis.status();
      continue;
    }
    if (!analysis.ok()) return analysis.status();
    if (!*analysis) continue;
    if (out.size() == kAnalysesMax) {
      return InvalidArgument(fmt::format("more than {} windows have data", kAnalysesMax),
                             "use a longer interval, a later start or an earlier run_until");
    }
    out.push_back(std::move(**analysis));
  }
  if (out.empty() && !nothing.ok()) return nothing;
  return out;
}

Analysis AnalyzeBaseline(const Assay& assay) {
  Analysis out;
  out.window = assay.baseline;
  out.window.edge_names = WindowEdgeNames(assay.baseline.edges);
  out.score = Compare(assay.summarizer, assay.baseline, out.window);
  out.status = "BaselineRun";
  out.analyzed_at = NowMicros();
  out.window_start = assay.baseline.start.value_or(out.analyzed_at);
  return out;
}

json ToJson(const Assay& assay, const Analysis& analysis) {
  return {{"id", nullptr},
          {"assay_id", nullptr},
          {"pipeline_id", nullptr},
          {"window_start", FormatMicros(analysis.window_start)},
          {"analyzed_at", FormatMicros(analysis.analyzed_at)},
          {"elapsed_millis", analysis.elapsed_millis},
          {"baseline_summary", ToJson(assay.baseline)},
          {"window_summary", ToJson(analysis.window)},
          {"warning_threshold", OrNull(assay.warning_threshold)},
          {"alert_threshold", assay.alert_threshold},
          {"score", analysis.score.score},
          {"scores", analysis.score.scores},
          {"bin_index", OrNull(analysis.score.index)},
          {"summarizer", ToJson(assay.summarizer)},
          {"status", analysis.status},
          {"created_at", nullptr}};
}

}  // namespace joey::drift
