#include "admin/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace joey::admin {
namespace {

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kFine:
      return "ok";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "";
}

}  // namespace

Findings Examine(const DoctorOptions& options) {
  Findings out;
  ExamineData(options, out);
  ExamineServer(options, out);
  ExamineMachine(out);
  ExamineRuntimes(out);
  return out;
}

bool HasProblem(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.level == Level::kProblem; });
}

std::string AsText(const Findings& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    out +=
        fmt::format("{:<8} {:<16} {}\n", LevelName(finding.level), finding.about, finding.message);
    if (!finding.hint.empty()) out += fmt::format("{:<25} → {}\n", "", finding.hint);
  }
  return out;
}

std::string AsJson(const Findings& findings) {
  nlohmann::json checks = nlohmann::json::array();
  for (const Finding& finding : findings) {
    checks.push_back({{"about", finding.about},
                      {"level", LevelName(finding.level)},
                      {"message", finding.message},
                      {"hint", finding.hint}});
  }
  const nlohmann::json document = {{"ok", !HasProblem(findings)}, {"checks", std::move(checks)}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace joey::admin
