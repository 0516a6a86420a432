// Assays that the server runs by itself, and their results. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/access.h"
#include "drift/analysis.h"
#include "store/database.h"

namespace joey::drift {

// One of the list of assays. Times are microseconds.
struct AssayRecord {
  std::int64_t id = 0;
  Assay assay;
  bool active = true;
  std::string pipeline_name;
  std::int64_t workspace_id = 0;
  std::int64_t next_window = 0;  // begins then
  std::optional<std::int64_t> last_run;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  std::int64_t ok = 0;  // results of each status
  std::int64_t warnings = 0;
  std::int64_t alerts = 0;

  // When the next window is over.
  std::int64_t next_run() const { return next_window + assay.window.width; }
};

class Assays {
 public:
  explicit Assays(Database& database) : database_(database) {}

  // `document` is what ParseAssay() read. AlreadyExists when the name is taken, by whomever.
  Result<std::int64_t> Create(const nlohmann::json& document, const Assay& assay,
                              std::string_view owner_id);
  Result<std::vector<AssayRecord>> List(const control::Viewer& viewer);
  // What passes while an assay is off is not made up for.
  Status SetActive(std::int64_t id, bool active);
  // In order of time, of the windows that begin in [start, end].
  Result<nlohmann::json> Results(std::int64_t id, std::int64_t start, std::int64_t end);

  // For the schedule: active assays whose next window was over at `now`, the longest waiting first.
  Result<std::vector<AssayRecord>> Due(std::int64_t now);
  // Keeps the analysis of the record's next window, if there is one, and goes on to `next_window`;
  // at once or not at all, and only when nobody else did so before.
  Status Advance(const AssayRecord& record, const std::optional<Analysis>& analysis,
                 std::int64_t next_window);

  // Called after a change that makes something due sooner. Set before others use this.
  void OnChange(std::function<void()> changed) { changed_ = std::move(changed); }

 private:
  Database& database_;
  std::function<void()> changed_;
};

}  // namespace joey::drift
