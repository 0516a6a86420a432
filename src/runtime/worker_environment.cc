#include "runtime/worker_environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/cache_directory.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/process.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "runtime/python_runtime.h"
#include "runtime/worker_limits.h"

extern char** environ;

namespace joey {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kLockBytesMax = 4 << 20;
constexpr std::size_t kDigestDigits = 12;
constexpr std::size_t kErrorBytesMax = 1500;

Result<std::string> EnvironmentsDirectory() {
  JOEY_ASSIGN_OR_RETURN(const std::string cache, CacheDirectory());
  return cache + "/envs";
}

std::vector<std::string> Locks(const PythonRuntime& runtime) {
  std::vector<std::string> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(runtime.worker_directory + "/locks", failed)) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path().stem().string());
  }
  return out;
}

// A lock may begin with "# system: FOLDER (what it is)": a package of the system's own Python that
// the environment uses, since the index has none that fits. Empty without.
struct SystemPackage {
  std::string folder;
  std::string what;
};
SystemPackage SystemPackageOf(std::string_view lock) {
  constexpr std::string_view kMark = "# system: ";
  if (!lock.starts_with(kMark)) return {};
  const std::string_view line = lock.substr(kMark.size(), lock.find('\n') - kMark.size());
  const std::size_t open = line.find(" (");
  return {std::string(line.substr(0, open)),
          open == std::string_view::npos ? "" : std::string(line.substr(open + 1))};
}

bool IsMade(const WorkerEnvironment& environment) {
  return ::access(environment.interpreter.c_str(), X_OK) == 0;
}

// One installation: everything it needs to stop in time.
class Maker {
 public:
  Maker(const EnvironmentSpec& spec, const WorkerEnvironment& environment, PythonRuntime runtime,
        std::string directory, const std::function<bool()>& cancelled)
      : spec_(spec),
        environment_(environment),
        runtime_(std::move(runtime)),
        directory_(std::move(directory)),
        part_(directory_ + ".part"),
        cancelled_(cancelled) {}

  Status Run() {
    JOEY_RETURN_IF_ERROR(MakeDirectories(directory_.substr(0, directory_.rfind('/')), 0755));
    JOEY_RETURN_IF_ERROR(Lock());
    if (IsMade(environment_)) return {};  // whoever had the lock has done it
    const char* offline = std::getenv("JOEY_OFFLINE");
    if (offline != nullptr && std::string_view(offline) == "1") {
      return FailedPrecondition(
          "the Python environment '" + spec_.lock +
              "' is not installed, and JOEY_OFFLINE forbids to download it",
          fmt::format("run 'joey env install {}' where a network is", spec_.lock));
    }
    // What a killed process left: nobody else works here while we have the lock.
    std::error_code ignored;
    fs::remove_all(part_, ignored);
    Status status = Make();
    fs::remove_all(part_, ignored);
    return status;
  }

 private:
  Status Make() {
    const std::string made = part_ + "/env";
    JOEY_RETURN_IF_ERROR(MakeDirectories(part_, 0755));
    JOEY_RETURN_IF_ERROR(Uv({"venv", "--relocatable", "--python", runtime_.interpreter, made}, ""));
    JOEY_RETURN_IF_ERROR(
        Uv({"pip", "install", "--python", made + "/bin/python", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", "--compile-bytecode", "--requirement",
            runtime_.worker_directory + "/locks/" + spec_.lock + ".txt"},
           ""));
    JOEY_RETURN_IF_ERROR(UseSystemPackage(made));
    if (!spec_.requirements.empty()) {
      const std::string file = part_ + "/requirements.txt";
      JOEY_RETURN_IF_ERROR(WriteFileAtomically(file, spec_.requirements));
      std::vector<std::string> install = {"pip", "install", "--python", made + "/bin/python",
                                          "--compile-bytecode"};
      if (!RequirementLinksAllowed()) install.insert(install.end(), {"--only-binary", ":all:"});
      install.insert(install.end(), {"--requirement", file});
      JOEY_RETURN_IF_ERROR(Uv(install, "Could not pip install user provided requirements.txt"));
    }
    if (::rename(made.c_str(), directory_.c_str()) != 0) {
      return FileError("rename to", directory_, errno);
    }
    return SyncDirectory(directory_.substr(0, directory_.rfind('/')));
  }

  // What the environment has itself goes before what the system has.
  Status UseSystemPackage(const std::string& made) const {
    JOEY_ASSIGN_OR_RETURN(
        const std::string lock,
        ReadFile(runtime_.worker_directory + "/locks/" + spec_.lock + ".txt", kLockBytesMax));
    const SystemPackage package = SystemPackageOf(lock);
    if (package.folder.empty()) return {};
    std::error_code failed;
    if (!fs::exists(package.folder, failed)) {
      return FailedPrecondition("the Python environment '" + spec_.lock + "' needs " +
                                    package.folder + ", which is not on this machine",
                                "install it with the system's package manager: " + package.what);
    }
    for (const auto& entry : fs::directory_iterator(made + "/lib", failed)) {
      const std::string packages = entry.path().string() + "/site-packages";
      if (!fs::exists(packages, failed)) continue;
      return WriteFileAtomically(packages + "/joey-system.pth",
                                 fs::path(package.folder).parent_path().string() + "\n", 0644);
    }
    return Internal("uv made an environment without site-packages");
  }

  Status Stopped() const {
    if (cancelled_ && cancelled_()) {
      return Unavailable("the installation of the Python environment '" + spec_.lock +
                         "' was stopped");
    }
    if (Clock::now() < deadline_) return {};
    return {Code::kDeadlineExceeded,
            fmt::format("the Python environment '{}' was not there within {} s", spec_.lock,
                        limits::kEnvironmentSecondsMax),
            "look at the network, then try again"};
  }

  // Held until this is destroyed or the process ends.
  Status Lock() {
    JOEY_ASSIGN_OR_RETURN(lock_, LockFile(directory_ + ".lock", [this] { return Stopped(); }));
    return {};
  }

  // `blame`: what of the user's is wrong when it fails; empty where it is not the user's fault.
  Status Uv(const std::vector<std::string>& arguments, const std::string& blame) const {
    JOEY_ASSIGN_OR_RETURN(const std::string program, Program());
    ProcessOptions options;
    options.arguments = {program};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    for (const char* argument :
         {"--no-config", "--quiet", "--no-progress", "--no-python-downloads"}) {
      options.arguments.emplace_back(argument);
    }
    for (char** entry = environ; *entry != nullptr; ++entry) {
      // A virtual environment that is active here has nothing to do with the one that is made.
      if (!std::string_view(*entry).starts_with("VIRTUAL_ENV=")) {
        options.environment.emplace_back(*entry);
      }
    }
    const std::string log = part_ + "/log";
    ::unlink(log.c_str());
    options.output_file = log;
    options.ends_with_caller = true;
    JOEY_ASSIGN_OR_RETURN(Process process, Process::Spawn(options));
    while (!process.WaitFor(milliseconds(200))) {
      if (Status stopped = Stopped(); !stopped.ok()) {
        process.Signal(SIGKILL);
        process.WaitFor(std::chrono::seconds(10));
        return stopped;
      }
    }
    if (process.exit_status() == 0) return {};
    Result<std::string> text = ReadFile(log, 1 << 20);
    std::string reason = text.ok() ? *text : "uv failed: " + process.ending();
    if (reason.size() > kErrorBytesMax) reason = reason.substr(0, kErrorBytesMax) + "…";
    while (!reason.empty() && std::isspace(static_cast<unsigned char>(reason.back()))) {
      reason.pop_back();
    }
    if (!blame.empty()) {
      return InvalidArgument(blame + ": " + reason,
                             "name packages and versions that have wheels for this Python");
    }
    return FailedPrecondition(
        "the Python environment '" + spec_.lock + "' cannot be installed: " + reason,
        "check the network and the configuration of the package index");
  }

  Result<std::string> Program() const {
    const char* given = std::getenv("JOEY_UV");
    if (given != nullptr && *given != '\0') return std::string(given);
    for (const std::string& folder : {fs::path(runtime_.interpreter).parent_path().string(),
                                      std::string("/usr/local/bin"), std::string("/usr/bin")}) {
      std::string program = folder + "/uv";
      if (::access(program.c_str(), X_OK) == 0) return program;
    }
    return FailedPrecondition("Python environments cannot be made: there is no uv",
                              "install it beside the Python interpreter (pip install uv), or set "
                              "JOEY_UV to the program");
  }

  const EnvironmentSpec& spec_;
  const WorkerEnvironment& environment_;
  const PythonRuntime runtime_;
  const std::string directory_;
  const std::string part_;
  const std::function<bool()>& cancelled_;
  const Clock::time_point deadline_ =
      Clock::now() + std::chrono::seconds(limits::kEnvironmentSecondsMax);
  UniqueFd lock_;
};

bool IsEnvironmentName(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name.front() != '.' &&
         !name.ends_with(".lock") && !name.ends_with(".part");
}

}  // namespace

std::string ImagePath(const EnvironmentSpec& spec, const WorkerEnvironment& environment) {
  return "joey/" + spec.lock + "@sha256:" + environment.digest;
}

Result<WorkerEnvironment> LocateEnvironment(const EnvironmentSpec& spec) {
  JOEY_ASSIGN_OR_RETURN(const PythonRuntime runtime, FindPythonRuntime());
  Result<std::string> lock =
      ReadFile(runtime.worker_directory + "/locks/" + spec.lock + ".txt", kLockBytesMax);
  if (!lock.ok()) {
    const std::string near = DidYouMean(spec.lock, Locks(runtime));
    return NotFound("there is no lock file for the Python environment '" + spec.lock + "'",
                    near.empty() ? "workers/locks has those that there are" : near);
  }
  WorkerEnvironment out;
  out.digest = Sha256::Hex(*lock + '\0' + spec.requirements + '\0' +
                           fs::canonical(runtime.interpreter).filename().string());
  out.name = spec.lock + "-" + out.digest.substr(0, kDigestDigits);
  JOEY_ASSIGN_OR_RETURN(const std::string root, EnvironmentsDirectory());
  out.interpreter = root + "/" + out.name + "/bin/python";
  return out;
}

Result<WorkerEnvironment> EnsureEnvironment(const EnvironmentSpec& spec,
                                            const std::function<bool()>& cancelled) {
  JOEY_ASSIGN_OR_RETURN(WorkerEnvironment environment, LocateEnvironment(spec));
  if (IsMade(environment)) return environment;
  JOEY_ASSIGN_OR_RETURN(PythonRuntime runtime, FindPythonRuntime());
  JOEY_ASSIGN_OR_RETURN(const std::string root, EnvironmentsDirectory());
  Maker maker(spec, environment, std::move(runtime), root + "/" + environment.name, cancelled);
  JOEY_RETURN_IF_ERROR(maker.Run());
  return environment;
}

bool RequirementLinksAllowed() {
  const char* given = std::getenv("JOEY_REQUIREMENTS");
  return given != nullptr && std::string_view(given) == "any";
}

Status CheckRequirements(std::string_view text, bool links_allowed) {
  if (text.size() > limits::kRequirementsBytesMax) {
    return InvalidArgument(
        fmt::format("requirements.txt is larger than {} bytes", limits::kRequirementsBytesMax));
  }
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (++number > limits::kRequirementsMax) {
      return InvalidArgument(
          fmt::format("requirements.txt has more than {} lines", limits::kRequirementsMax));
    }
    line = line.substr(0, line.find('#'));
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.front()))) {
      line.remove_prefix(1);
    }
    if (line.empty() || links_allowed) continue;
    const auto refuse = [&](std::string_view what) {
      return InvalidArgument(
          fmt::format("line {} of requirements.txt has {}: '{}'", number, what,
                      line.substr(0, 100)),
          "name packages of the configured index only, like 'tslearn==0.6.2'; whoever runs joey "
          "serve can allow more with JOEY_REQUIREMENTS=any");
    };
    if (line.front() == '-') return refuse("an option");
    if (line.find("://") != std::string_view::npos || line.find('@') != std::string_view::npos) {
      return refuse("a URL");
    }
    const std::string_view name = line.substr(0, line.find(';'));
    if (name.find('/') != std::string_view::npos || name.find('\\') != std::string_view::npos ||
        name.front() == '.') {
      return refuse("a path");
    }
    if (!std::isalnum(static_cast<unsigned char>(name.front()))) return refuse("no package name");
  }
  return {};
}

Result<std::vector<EnvironmentInfo>> ListEnvironments() {
  JOEY_ASSIGN_OR_RETURN(const std::string root, EnvironmentsDirectory());
  std::vector<EnvironmentInfo> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root, failed)) {
    const std::string name = entry.path().filename();
    if (!entry.is_directory(failed) || !IsEnvironmentName(name)) continue;
    EnvironmentInfo info{name, 0};
    for (const auto& file : fs::recursive_directory_iterator(
             entry.path(), fs::directory_options::skip_permission_denied, failed)) {
      if (file.is_regular_file(failed) && !file.is_symlink(failed)) {
        info.bytes += static_cast<std::int64_t>(file.file_size(failed));
      }
    }
    out.push_back(std::move(info));
  }
  std::ranges::sort(out, {}, &EnvironmentInfo::name);
  return out;
}

Status RemoveEnvironment(const std::string& name) {
  JOEY_ASSIGN_OR_RETURN(const std::vector<EnvironmentInfo> all, ListEnvironments());
  if (std::ranges::none_of(all, [&](const EnvironmentInfo& e) { return e.name == name; })) {
    return NotFound("there is no Python environment '" + name + "'",
                    "'joey env list' shows those that there are");
  }
  JOEY_ASSIGN_OR_RETURN(const std::string root, EnvironmentsDirectory());
  // First out of the way, so that nobody finds half of it.
  const std::string path = root + "/" + name;
  const std::string part = path + ".part";
  std::error_code failed;
  fs::remove_all(part, failed);
  if (::rename(path.c_str(), part.c_str()) != 0) return FileError("rename", path, errno);
  fs::remove_all(part, failed);
  if (failed) return FileError("remove", part, failed.value());
  ::unlink((path + ".lock").c_str());
  return {};
}

}  // namespace joey
