// One window compared with its baseline, and all windows of an interactive run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "drift/config.h"
#include "drift/log_values.h"
#include "drift/score.h"

namespace joey::drift {

struct Analysis {
  std::int64_t window_start = 0;  // microseconds, as all times
  std::int64_t analyzed_at = 0;
  std::int64_t elapsed_millis = 0;
  Summary window;
  Score score;
  std::string status;  // "Ok", "Warning", "Alert", "BaselineRun"
};

// The assay's pipeline's values: `topic` is the log of the pipeline, nullptr when it is empty.
Result<Summary> SummarizeRequest(const Summarizer& summarizer, BaselineRequest request,
                                 const logs::Topic* topic);

// nullopt when no value lies in the window that begins then.
Result<std::optional<Analysis>> AnalyzeWindow(const Assay& assay, const LogValues& values,
                                              std::int64_t window_start);

// Where the windows of an assay begin, if that does not depend on the log: at its start, else at
// the end of its baseline.
std::optional<std::int64_t> FirstWindow(const Assay& assay);
// The first window behind the one at `window_start` that may hold a row; at most the one that ends
// behind `now`.
std::int64_t NextWindow(const Assay& assay, const LogValues& values, std::int64_t window_start,
                        std::int64_t now);

// Every window with values that has ended at assay.run_until, without one at `now`.
Result<std::vector<Analysis>> AnalyzeWindows(const Assay& assay, const logs::Topic* topic,
                                             std::int64_t now);

// The baseline compared with itself.
Analysis AnalyzeBaseline(const Assay& assay);

nlohmann::json ToJson(const Assay& assay, const Analysis& analysis);

}  // namespace joey::drift
