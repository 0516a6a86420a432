#include "runtime/python_runtime.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace joey {

namespace fs = std::filesystem;

namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string InstalledWorkers() {
  std::error_code failed;
  fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return "";
  fs::path workers = program.parent_path().parent_path() / "share/joey/workers";
  return fs::exists(workers / "__main__.py", failed) ? workers.string() : "";
}

// A virtual environment is recognized by where its interpreter lies, not by where the link leads.
Result<std::string> Located(const std::string& interpreter) {
  std::error_code failed;
  fs::path folder = fs::canonical(fs::path(interpreter).parent_path(), failed);
  fs::path out = folder / fs::path(interpreter).filename();
  if (failed || ::access(out.c_str(), X_OK) != 0) {
    return FailedPrecondition("there is no Python interpreter at " + interpreter,
                              "set JOEY_PYTHON to one that has pandas and pyarrow");
  }
  return out.string();
}

}  // namespace

Result<PythonRuntime> FindPythonRuntime(const std::string& interpreter,
                                        const std::string& worker_directory) {
  const auto first = [](std::initializer_list<std::string> choices) {
    for (const std::string& choice : choices) {
      if (!choice.empty()) return choice;
    }
    return std::string();
  };
  PythonRuntime out;
  JOEY_ASSIGN_OR_RETURN(
      out.interpreter,
      Located(first({interpreter, FromEnvironment("JOEY_PYTHON"), JOEY_BUILD_PYTHON})));
  const std::string workers = first(
      {worker_directory, FromEnvironment("JOEY_WORKERS"), InstalledWorkers(), JOEY_BUILD_WORKERS});
  std::error_code failed;
  fs::path folder = fs::canonical(workers, failed);
  if (failed || !fs::exists(folder / "__main__.py", failed)) {
    return FailedPrecondition("the workers' Python code is not at " + workers,
                              "set JOEY_WORKERS to the folder 'workers' of Joey");
  }
  out.worker_directory = folder.string();
  return out;
}

std::vector<std::string> PythonDirectories(const PythonRuntime& runtime) {
  std::error_code failed;
  const fs::path interpreter(runtime.interpreter);
  const auto prefix = [](const fs::path& program) { return program.parent_path().parent_path(); };
  std::vector<std::string> out = {prefix(interpreter).string()};
  fs::path installation = prefix(fs::canonical(interpreter, failed));
  // The system's own Python lies in what every sandbox has.
  if (!failed && installation != "/usr" && installation != "/") {
    out.push_back(installation.string());
  }
  out.push_back(runtime.worker_directory);
  return out;
}

}  // namespace joey
