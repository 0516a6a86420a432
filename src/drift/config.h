// What an assay watches and how, and its JSON documents (docs/rest-api.md).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "drift/summary.h"

namespace joey::drift {

// One number of a pipeline's input or output: "output variable 0".
struct IoPath {
  bool input = false;
  std::string field;
  std::int64_t index = 0;
};
Result<IoPath> ParseIoPath(std::string_view text);

// Where values come from.
struct Source {
  std::string pipeline_name;
  std::string model_name;
  std::string path;  // as it was written
  IoPath io_path;
  std::vector<std::string> locations;  // partitions of the log; empty: all
};

// Times are microseconds. Windows begin at `start` and then every `interval`.
struct Window {
  Source source;
  std::int64_t width = 0;
  std::int64_t interval = 0;
  std::optional<std::int64_t> start;
};

struct Assay {
  std::string name;
  std::int64_t pipeline_id = 0;
  bool active = true;
  Summary baseline;
  Window window;
  Summarizer summarizer;
  std::optional<double> warning_threshold;
  double alert_threshold = 0;
  std::optional<std::int64_t> run_until;
};

// A baseline that is still to be summarised: values, or where and when they are in a log.
struct BaselineRequest {
  std::vector<double> values;
  std::optional<Source> source;
  std::int64_t workspace_id = 0;  // of the source's pipeline
  std::int64_t start = 0;
  std::int64_t end = 0;
};

// InvalidArgument names the key that is wrong and what is expected.
Result<Summarizer> ParseSummarizer(const nlohmann::json& document);
Result<BaselineRequest> ParseBaselineRequest(const nlohmann::json& document);
Result<Assay> ParseAssay(const nlohmann::json& document);

nlohmann::json ToJson(const Summary& summary);
nlohmann::json ToJson(const Summarizer& summarizer);

}  // namespace joey::drift
