// What models need beside joey itself.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "admin/doctor.h"
#include "base/files.h"
#include "base/process.h"
#include "base/random.h"
#include "runtime/python_runtime.h"
#include "runtime/tensorflow_plugin.h"

namespace joey::admin {
namespace {

constexpr std::chrono::seconds kPythonMax{60};

void ExamineTensorFlow(Findings& findings) {
  constexpr char kAbout[] = "TensorFlow";
  const char* const offline = std::getenv("JOEY_OFFLINE");
  const Result<std::string> directory = TensorFlowDirectory();
  if (TensorFlowIsInstalled()) {
    findings.push_back({Level::kFine, kAbout, *directory});
  } else if (!directory.ok()) {
    findings.push_back(
        {Level::kWarning, kAbout, directory.status().message(), directory.status().hint()});
  } else if (offline != nullptr && std::string_view(offline) == "1") {
    findings.push_back({Level::kWarning, kAbout,
                        "not in " + *directory + ", and JOEY_OFFLINE=1 forbids to fetch it",
                        "joey plugin install tensorflow --wheel FILE, if there are such models"});
  } else {
    findings.push_back({Level::kFine, kAbout, "fetched when the first model needs it"});
  }
}

void ExaminePython(Findings& findings) {
  constexpr char kAbout[] = "worker Python";
  const Result<PythonRuntime> runtime = FindPythonRuntime();
  if (!runtime.ok()) {
    findings.push_back(
        {Level::kProblem, kAbout, runtime.status().message(), runtime.status().hint()});
    return;
  }
  std::error_code ignored;
  const std::string output =
      (std::filesystem::temp_directory_path(ignored) / ("joey-doctor-" + RandomHex(8))).string();
  ProcessOptions options;
  options.arguments = {runtime->interpreter, "-I", "-c",
                       "import sys, numpy, pandas, pyarrow; print(sys.version.split()[0], end='')"};
  options.output_file = output;
  options.ends_with_caller = true;
  Result<Process> process = Process::Spawn(options);
  const bool ended = process.ok() && process->WaitFor(kPythonMax);
  if (process.ok() && !ended) process->Signal(SIGKILL);
  const Result<std::string> printed = ReadFile(output, 64 << 10);
  ::unlink(output.c_str());
  if (ended && process->exit_status() == 0) {
    findings.push_back({Level::kFine, kAbout,
                        runtime->interpreter + ", Python " + (printed.ok() ? *printed : "")});
    return;
  }
  std::string why = process.ok() ? process->ending() : process.status().message();
  if (!ended && process.ok()) why = "no answer within a minute";
  if (printed.ok() && !printed->empty()) {
    const std::string text = printed->substr(0, printed->find_last_not_of('\n') + 1);
    why = text.substr(text.rfind('\n') + 1);  // the exception
  }
  findings.push_back(
      {Level::kProblem, kAbout, runtime->interpreter + ": " + why,
       "set JOEY_PYTHON to an interpreter that has numpy, pandas and pyarrow; models "
       "without Python steps run all the same"});
}

}  // namespace

void ExamineRuntimes(Findings& findings) {
  ExaminePython(findings);
  ExamineTensorFlow(findings);
}

}  // namespace joey::admin
