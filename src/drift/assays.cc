#include "drift/assays.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "control/names.h"
#include "drift/limits.h"

namespace joey::drift {

using nlohmann::json;

namespace {

constexpr const char* kColumns =
    "SELECT a.id, a.assay_json, a.active, p.name, p.workspace_id, a.next_window, a.last_run, "
    "a.created_at, a.updated_at, "
    "(SELECT count(*) FROM assay_analysis r WHERE r.assay_id = a.id AND r.status = 'Ok'), "
    "(SELECT count(*) FROM assay_analysis r WHERE r.assay_id = a.id AND r.status = 'Warning'), "
    "(SELECT count(*) FROM assay_analysis r WHERE r.assay_id = a.id AND r.status = 'Alert') "
    "FROM assay a JOIN pipeline p ON p.id = a.pipeline_id ";

Status Load(Connection& connection, const std::string& rest, std::initializer_list<SqlValue> values,
            std::vector<AssayRecord>& out) {
  Status broken;
  JOEY_RETURN_IF_ERROR(connection.Query(kColumns + rest, values, [&](const SqlRow& row) {
    AssayRecord record;
    record.id = row.Int(0);
    auto assay = ParseAssay(json::parse(row.Text(1), nullptr, false));
    if (!assay.ok()) {
      broken = assay.status().WithContext(fmt::format("assay {}", record.id));
      return;
    }
    record.assay = std::move(*assay);
    record.active = row.Bool(2);
    record.pipeline_name = row.Text(3);
    record.workspace_id = row.Int(4);
    record.next_window = row.Int(5);
    if (!row.IsNull(6)) record.last_run = row.Int(6);
    record.created_at = row.Int(7);
    record.updated_at = row.Int(8);
    record.ok = row.Int(9);
    record.warnings = row.Int(10);
    record.alerts = row.Int(11);
    out.push_back(std::move(record));
  }));
  return broken;
}

// As the recordings show it: of single precision, in the digits that this takes.
double SinglePrecision(double score) {
  return std::stod(fmt::format("{}", static_cast<float>(score)));
}

}  // namespace

Result<std::int64_t> Assays::Create(const json& document, const Assay& assay,
                                    std::string_view owner_id) {
  JOEY_RETURN_IF_ERROR(control::CheckText("name", assay.name, kAssayNameBytesMax));
  const std::int64_t now = NowMicros();
  const std::int64_t first = FirstWindow(assay).value_or(now);
  std::int64_t id = 0;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auto taken,
                          connection.QueryInt("SELECT id FROM assay WHERE name = ?", {assay.name}));
    if (taken) {
      return AlreadyExists("there is an assay named " + control::Quoted(assay.name) + " already",
                           "names of assays are unique on the server: choose another one");
    }
    JOEY_ASSIGN_OR_RETURN(
        id, connection.Insert(
                "INSERT INTO assay(name, pipeline_id, active, assay_json, next_window, created_by, "
                "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                {assay.name, assay.pipeline_id, assay.active, document.dump(), first, owner_id, now,
                 now}));
    return {};
  }));
  if (changed_) changed_();
  return id;
}

Result<std::vector<AssayRecord>> Assays::List(const control::Viewer& viewer) {
  std::vector<AssayRecord> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return Load(connection, "WHERE " + control::SeenBy("p.workspace_id", 1) + " ORDER BY a.id",
                {viewer}, out);
  }));
  return out;
}

Status Assays::SetActive(std::int64_t id, bool active) {
  const std::int64_t now = NowMicros();
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    std::vector<AssayRecord> found;
    JOEY_RETURN_IF_ERROR(Load(connection, "WHERE a.id = ?", {id}, found));
    if (found.empty())
      return control::NoSuchId("assay", id, "list the assays with wl.list_assays()");
    AssayRecord& record = found.front();
    if (record.active == active) return {};
    const Window& window = record.assay.window;
    std::int64_t next = record.next_window;
    if (active && next + window.width <= now) {
      next += ((now - next - window.width) / window.interval + 1) * window.interval;
    }
    return connection
        .Run("UPDATE assay SET active = ?, next_window = ?, updated_at = ? WHERE id = ?",
             {active, next, now, id})
        .status();
  }));
  if (changed_) changed_();
  return {};
}

Result<json> Assays::Results(std::int64_t id, std::int64_t start, std::int64_t end) {
  json out = json::array();
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(
        "SELECT r.id, r.analysis_json, a.pipeline_id, a.name FROM assay_analysis r "
        "JOIN assay a ON a.id = r.assay_id WHERE r.assay_id = ? AND r.window_start BETWEEN ? AND ? "
        "ORDER BY r.window_start LIMIT ?",
        {id, start, end, static_cast<std::int64_t>(kAnalysesMax)}, [&](const SqlRow& row) {
          json analysis = json::parse(row.Text(1), nullptr, false);
          if (!analysis.is_object()) return;
          analysis["id"] = row.Int(0);
          analysis["assay_id"] = id;
          analysis["pipeline_id"] = row.Int(2);
          analysis["name"] = row.Text(3);
          analysis["created_at"] = analysis["analyzed_at"];
          analysis["score"] = SinglePrecision(analysis["score"].get<double>());
          out.push_back(std::move(analysis));
        });
  }));
  return out;
}

Result<std::vector<AssayRecord>> Assays::Due(std::int64_t now) {
  std::vector<AssayRecord> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return Load(connection, "WHERE a.active = 1 AND a.next_window < ? ORDER BY a.next_window",
                {now}, out);
  }));
  std::erase_if(out, [now](const AssayRecord& record) { return record.next_run() > now; });
  return out;
}

Status Assays::Advance(const AssayRecord& record, const std::optional<Analysis>& analysis,
                       std::int64_t next_window) {
  return database_.Write([&](Connection& connection) -> Status {
    // Unless it was turned off, or on again, since it was read.
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t changed,
        connection.Run("UPDATE assay SET next_window = ?, last_run = ? "
                       "WHERE id = ? AND active = 1 AND next_window = ?",
                       {next_window, NowMicros(), record.id, record.next_window}));
    if (changed == 0 || !analysis) return {};
    json document = ToJson(record.assay, *analysis);
    document["iopath"] = record.assay.window.source.path;
    return connection
        .Run(
            "INSERT INTO assay_analysis(assay_id, window_start, status, analysis_json) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            {record.id, analysis->window_start, analysis->status, document.dump()})
        .status();
  });
}

}  // namespace joey::drift
