// What keeps Joey from working well on this machine, in plain words, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace joey::admin {

struct DoctorOptions {
  std::string data;
  std::string metadata;  // postgresql://…; empty: SQLite in the data directory
  std::string listen;    // HOST:PORT of joey serve
  std::string joey;      // version of this joey
};

// kProblem: Joey, or a part of it, will not work. kWarning: it works, not as well as it could.
enum class Level { kFine, kWarning, kProblem };

struct Finding {
  Level level = Level::kFine;
  std::string about;    // "disk space"
  std::string message;  // what is, also when it is fine
  std::string hint;     // what to do; empty when it is fine
};

using Findings = std::vector<Finding>;

// Looks at everything; changes nothing that lasts. Takes some seconds.
Findings Examine(const DoctorOptions& options);

bool HasProblem(const Findings& findings);
std::string AsText(const Findings& findings);
std::string AsJson(const Findings& findings);

// The parts of Examine().
void ExamineData(const DoctorOptions& options, Findings& findings);
void ExamineServer(const DoctorOptions& options, Findings& findings);
void ExamineMachine(Findings& findings);
void ExamineRuntimes(Findings& findings);

}  // namespace joey::admin
