#include "drift/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "drift/json_reader.h"
#include "drift/limits.h"

namespace joey::drift {

using nlohmann::json;

namespace {

template <typename Enum>
struct Word {
  const char* text;
  Enum value;
};

constexpr std::array kBinModes = {Word{"None", BinMode::kNone}, Word{"Equal", BinMode::kEqual},
                                  Word{"Quantile", BinMode::kQuantile},
                                  Word{"Provided", BinMode::kProvided}};
constexpr std::array kAggregations = {Word{"Density", Aggregation::kDensity},
                                      Word{"Cumulative", Aggregation::kCumulative},
                                      Word{"Edges", Aggregation::kEdges}};
constexpr std::array kMetrics = {Word{"PSI", Metric::kPsi}, Word{"MaxDiff", Metric::kMaxDiff},
                                 Word{"SumDiff", Metric::kSumDiff},
                                 Word{"JensenShannon", Metric::kJensenShannon}};

template <typename Enum, std::size_t N>
Result<Enum> ReadWord(const JsonReader& reader, const char* key,
                      const std::array<Word<Enum>, N>& words) {
  JOEY_ASSIGN_OR_RETURN(const std::string text, reader.Text(key));
  std::string known;
  for (const auto& word : words) {
    if (text == word.text) return word.value;
    known += (known.empty() ? "" : ", ") + std::string(word.text);
  }
  return JsonReader::Wrong(reader.Path(key), "one of " + known);
}

template <typename Enum, std::size_t N>
const char* TextOf(Enum value, const std::array<Word<Enum>, N>& words) {
  for (const auto& word : words) {
    if (word.value == value) return word.text;
  }
  return "";
}

// "24 hours", "1 minutes", "60000 ms".
Result<std::int64_t> ParseWidth(const JsonReader& reader, const char* key) {
  constexpr std::int64_t kSecond = 1'000'000;
  constexpr std::array kUnits = {Word<std::int64_t>{"ms", 1000},
                                 Word<std::int64_t>{"second", kSecond},
                                 Word<std::int64_t>{"minute", 60 * kSecond},
                                 Word<std::int64_t>{"hour", 3600 * kSecond},
                                 Word<std::int64_t>{"day", 24 * 3600 * kSecond},
                                 Word<std::int64_t>{"week", 7 * 24 * 3600 * kSecond}};
  JOEY_ASSIGN_OR_RETURN(const std::string text, reader.Text(key));
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, count);
  std::string_view unit(at, static_cast<std::size_t>(end - at));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& known : kUnits) {
    if (unit != known.text && unit != std::string(known.text) + "s") continue;
    if (error == std::errc() && count > 0 && count <= kWidthMicrosMax / known.value) {
      return count * known.value;
    }
  }
  return JsonReader::Wrong(reader.Path(key),
                           "a time span of at most a year, such as '24 hours' or '5 minutes'");
}

Result<Source> ParseSource(const JsonReader& reader) {
  Source out;
  JOEY_ASSIGN_OR_RETURN(out.pipeline_name, reader.Text("pipeline_name"));
  JOEY_ASSIGN_OR_RETURN(out.model_name, reader.Text("model_name"));
  JOEY_ASSIGN_OR_RETURN(out.path, reader.Text("path"));
  JOEY_ASSIGN_OR_RETURN(out.io_path, ParseIoPath(out.path));
  JOEY_ASSIGN_OR_RETURN(out.locations, reader.Texts("locations"));
  return out;
}

Result<Window> ParseWindow(const JsonReader& reader) {
  Window out;
  JOEY_ASSIGN_OR_RETURN(out.source, ParseSource(reader));
  JOEY_ASSIGN_OR_RETURN(out.width, ParseWidth(reader, "width"));
  out.interval = out.width;
  if (reader.Has("interval")) {
    JOEY_ASSIGN_OR_RETURN(out.interval, ParseWidth(reader, "interval"));
  }
  JOEY_ASSIGN_OR_RETURN(out.start, reader.OptionalTime("start"));
  return out;
}

// The edges that ToJson() wrote: the last one, null, left out.
Result<std::vector<double>> ParseEdges(const JsonReader& reader) {
  const auto wrong = JsonReader::Wrong(reader.Path("edges"), "a list of numbers that ends in null");
  if (!reader.Has("edges") || !reader.object().at("edges").is_array()) return wrong;
  const json& list = reader.object().at("edges");
  std::vector<double> edges;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i + 1 == list.size() && list[i].is_null()) break;
    if (!list[i].is_number() || !std::isfinite(list[i].get<double>())) return wrong;
    edges.push_back(list[i].get<double>());
  }
  if (edges.size() < 2 || !std::is_sorted(edges.begin(), edges.end())) {
    return JsonReader::Wrong(reader.Path("edges"), "a list of ascending numbers");
  }
  return edges;
}

// A baseline that this server summarised before.
Result<Summary> ParseSummary(const JsonReader& reader, const Summarizer& summarizer) {
  Summary out;
  JOEY_ASSIGN_OR_RETURN(out.statistics.count, reader.Integer("count"));
  JOEY_ASSIGN_OR_RETURN(out.statistics.min, reader.Number("min"));
  JOEY_ASSIGN_OR_RETURN(out.statistics.max, reader.Number("max"));
  JOEY_ASSIGN_OR_RETURN(out.statistics.mean, reader.Number("mean"));
  JOEY_ASSIGN_OR_RETURN(out.statistics.median, reader.Number("median"));
  JOEY_ASSIGN_OR_RETURN(out.statistics.std, reader.Number("std"));
  JOEY_ASSIGN_OR_RETURN(out.edges, ParseEdges(reader));
  JOEY_ASSIGN_OR_RETURN(out.edge_names, reader.Texts("edge_names"));
  JOEY_ASSIGN_OR_RETURN(out.aggregated, reader.Numbers("aggregated_values"));
  JOEY_ASSIGN_OR_RETURN(out.aggregation, ReadWord(reader, "aggregation", kAggregations));
  JOEY_ASSIGN_OR_RETURN(out.start, reader.OptionalTime("start_at"));
  JOEY_ASSIGN_OR_RETURN(out.end, reader.OptionalTime("end_at"));
  const std::size_t bins = summarizer.binning.total();
  if (out.edges.size() + 1 != bins || out.edge_names.size() != bins ||
      out.aggregated.size() != bins || out.aggregation != summarizer.aggregation) {
    return InvalidArgument("the baseline was summarised with other bins or another aggregation",
                           "summarise it again with this summarizer: /v1/api/assays/summarize");
  }
  return out;
}

json TimeOrNull(const std::optional<std::int64_t>& micros) {
  return micros ? json(FormatMicros(*micros)) : json(nullptr);
}

}  // namespace

Result<IoPath> ParseIoPath(std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t last = text.rfind(' ');
  if (first != std::string_view::npos && last > first + 1) {
    const std::string_view side = text.substr(0, first);
    const std::string_view digits = text.substr(last + 1);
    IoPath out;
    out.input = side == "input";
    out.field = text.substr(first + 1, last - first - 1);
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, out.index);
    if ((out.input || side == "output") && error == std::errc() && at == end && out.index >= 0) {
      return out;
    }
  }
  return InvalidArgument(fmt::format("'{}' is no iopath", text.substr(0, 100)),
                         "write input or output, the field and the index: 'output variable 0'");
}

Result<Summarizer> ParseSummarizer(const json& document) {
  JOEY_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(document, "summarizer"));
  JOEY_ASSIGN_OR_RETURN(const std::string type, reader.Text("type"));
  if (type != "UnivariateContinuous") {
    return JsonReader::Wrong(reader.Path("type"), "UnivariateContinuous");
  }
  Summarizer out;
  JOEY_ASSIGN_OR_RETURN(out.binning.mode, ReadWord(reader, "bin_mode", kBinModes));
  JOEY_ASSIGN_OR_RETURN(out.aggregation, ReadWord(reader, "aggregation", kAggregations));
  JOEY_ASSIGN_OR_RETURN(out.metric, ReadWord(reader, "metric", kMetrics));
  JOEY_ASSIGN_OR_RETURN(out.binning.bins, reader.Integer("num_bins"));
  if (reader.Has("provided_edges")) {
    JOEY_ASSIGN_OR_RETURN(out.binning.provided, reader.Numbers("provided_edges"));
  }
  if (reader.Has("bin_weights")) {
    JOEY_ASSIGN_OR_RETURN(out.weights, reader.Numbers("bin_weights"));
  }
  JOEY_RETURN_IF_ERROR(CheckSummarizer(out));
  return out;
}

Result<BaselineRequest> ParseBaselineRequest(const json& document) {
  JOEY_ASSIGN_OR_RETURN(const JsonReader baseline, JsonReader::Of(document, "baseline"));
  BaselineRequest out;
  if (baseline.Has("vector")) {
    JOEY_ASSIGN_OR_RETURN(out.values, baseline.Numbers("vector"));
    return out;
  }
  if (!baseline.Has("fixed_window")) {
    return JsonReader::Wrong("baseline", "an object with 'fixed_window' or 'vector'");
  }
  JOEY_ASSIGN_OR_RETURN(const JsonReader window, JsonReader::Of(baseline.object(), "fixed_window"));
  JOEY_ASSIGN_OR_RETURN(out.source, ParseSource(window));
  JOEY_ASSIGN_OR_RETURN(out.workspace_id, window.Integer("workspace_id"));
  JOEY_ASSIGN_OR_RETURN(out.start, window.Time("start"));
  if (window.Has("end")) {
    JOEY_ASSIGN_OR_RETURN(out.end, window.Time("end"));
  } else {
    JOEY_ASSIGN_OR_RETURN(const std::int64_t width, ParseWidth(window, "width"));
    out.end = out.start + width;
  }
  if (out.end > out.start) return out;
  return InvalidArgument("the baseline ends before it begins",
                         "give a baseline_end behind baseline_start");
}

Result<Assay> ParseAssay(const json& document) {
  const JsonReader reader(document, "");
  Assay out;
  JOEY_ASSIGN_OR_RETURN(out.name, reader.Text("name"));
  JOEY_ASSIGN_OR_RETURN(out.pipeline_id, reader.Integer("pipeline_id"));
  if (reader.Has("active") && document.at("active").is_boolean()) {
    out.active = document.at("active").get<bool>();
  }
  JOEY_ASSIGN_OR_RETURN(out.summarizer, ParseSummarizer(document));
  JOEY_ASSIGN_OR_RETURN(const JsonReader baseline, JsonReader::Of(document, "baseline"));
  JOEY_ASSIGN_OR_RETURN(const JsonReader summary, JsonReader::Of(baseline.object(), "static"));
  JOEY_ASSIGN_OR_RETURN(out.baseline, ParseSummary(summary, out.summarizer));
  JOEY_ASSIGN_OR_RETURN(const JsonReader window, JsonReader::Of(document, "window"));
  JOEY_ASSIGN_OR_RETURN(out.window, ParseWindow(window));
  JOEY_ASSIGN_OR_RETURN(out.warning_threshold, reader.OptionalNumber("warning_threshold"));
  JOEY_ASSIGN_OR_RETURN(out.alert_threshold, reader.Number("alert_threshold"));
  JOEY_ASSIGN_OR_RETURN(out.run_until, reader.OptionalTime("run_until"));
  return out;
}

json ToJson(const Summary& summary) {
  json edges = summary.edges;
  edges.push_back(nullptr);  // JSON has no infinity
  return {{"count", summary.statistics.count},
          {"min", summary.statistics.min},
          {"max", summary.statistics.max},
          {"mean", summary.statistics.mean},
          {"median", summary.statistics.median},
          {"std", summary.statistics.std},
          {"edges", std::move(edges)},
          {"edge_names", summary.edge_names},
          {"aggregated_values", summary.aggregated},
          {"aggregation", TextOf(summary.aggregation, kAggregations)},
          {"start", TimeOrNull(summary.start)},
          {"end", TimeOrNull(summary.end)}};
}

json ToJson(const Summarizer& summarizer) {
  const Binning& binning = summarizer.binning;
  return {{"type", "UnivariateContinuous"},
          {"bin_mode", TextOf(binning.mode, kBinModes)},
          {"aggregation", TextOf(summarizer.aggregation, kAggregations)},
          {"metric", TextOf(summarizer.metric, kMetrics)},
          {"num_bins", binning.bins},
          {"bin_weights", summarizer.weights ? json(*summarizer.weights) : json(nullptr)},
          {"provided_edges", binning.provided.empty() ? json(nullptr) : json(binning.provided)}};
}

}  // namespace joey::drift
