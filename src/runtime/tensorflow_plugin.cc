#include "runtime/tensorflow_plugin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/cache_directory.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/process.h"
#include "base/sha256.h"
#include "base/zip.h"

extern char** environ;

namespace joey {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Which Python a wheel is for does not matter: its libraries are the same.
struct Wheel {
  std::string_view package;
  std::string_view platform;
  std::string_view sha256;
};
#if defined(__x86_64__)
constexpr Wheel kWheel{"tensorflow-cpu", "manylinux_2_27_x86_64",
                       "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c"};
#elif defined(__aarch64__)
constexpr Wheel kWheel{"tensorflow", "manylinux_2_27_aarch64",
                       "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c"};
#else
#error "TensorFlow has wheels for x86-64 and AArch64 only"
#endif

constexpr std::string_view kFiles[] = {
    "tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2",
    "tensorflow/include/LICENSE", "tensorflow/THIRD_PARTY_NOTICES.txt"};
constexpr char kMainLibrary[] = "libtensorflow_cc.so.2";
constexpr char kInstallCommand[] = "joey plugin install tensorflow";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::directory_iterator at(directory, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    out.push_back(at->path());
  }
  return out;
}

bool HasLibrary(const std::string& directory) {
  return ::access((directory + "/" + kMainLibrary).c_str(), R_OK) == 0;
}

// One installation: everything it needs to stop in time.
class Installer {
 public:
  Installer(const TensorFlowInstall& how, std::string directory)
      : how_(how), directory_(std::move(directory)), part_(directory_ + ".part") {}

  Status Run() {
    JOEY_RETURN_IF_ERROR(MakeDirectories(directory_.substr(0, directory_.rfind('/'))));
    JOEY_RETURN_IF_ERROR(Lock());
    if (HasLibrary(directory_)) return {};  // whoever had the lock has done it
    if (how_.wheel.empty() && Environment("JOEY_OFFLINE") == "1") {
      return FailedPrecondition(
          "TensorFlow is not installed, and JOEY_OFFLINE forbids to download it",
          fmt::format("run '{}' where a network is, or with --wheel FILE", kInstallCommand));
    }
    // What a killed process left: nobody else works here while we have the lock.
    std::error_code ignored;
    std::filesystem::remove_all(part_, ignored);
    Status status = Install();
    std::filesystem::remove_all(part_, ignored);
    return status;
  }

 private:
  Status Install() {
    const std::string unpacked = part_ + "/unpacked";
    JOEY_RETURN_IF_ERROR(MakeDirectories(unpacked));
    std::string wheel = how_.wheel;
    if (wheel.empty()) {
      JOEY_ASSIGN_OR_RETURN(wheel, Download());
    }
    JOEY_RETURN_IF_ERROR(Check(wheel));
    constexpr ZipLimits kLimits{100'000, std::int64_t{8} << 30};
    JOEY_RETURN_IF_ERROR(ExtractZip(wheel, unpacked, kLimits,
                                    [](std::string_view name) -> std::optional<std::string> {
                                      for (const std::string_view file : kFiles) {
                                        if (name == file)
                                          return std::string(file.substr(file.rfind('/') + 1));
                                      }
                                      return std::nullopt;
                                    }));
    if (!HasLibrary(unpacked)) return Internal("the wheel of TensorFlow lacks its library");
    for (const std::string& file : FilesIn(unpacked)) {
      const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd.valid() || ::fsync(fd.get()) != 0) return FileError("sync", file, errno);
    }
    JOEY_RETURN_IF_ERROR(SyncDirectory(unpacked));
    if (::rename(unpacked.c_str(), directory_.c_str()) != 0) {
      return FileError("rename to", directory_, errno);
    }
    return SyncDirectory(directory_.substr(0, directory_.rfind('/')));
  }

  Status Stopped() const {
    if (how_.cancelled && how_.cancelled()) {
      return Unavailable("the installation of TensorFlow was stopped");
    }
    if (Clock::now() < deadline_) return {};
    return {Code::kDeadlineExceeded,
            fmt::format("TensorFlow was not there within {} s", limits::kPluginInstallSecondsMax),
            fmt::format("look at the network, then run '{}'", kInstallCommand)};
  }

  // Held until this is destroyed or the process ends.
  Status Lock() {
    JOEY_ASSIGN_OR_RETURN(lock_, LockFile(directory_ + ".lock", [this] { return Stopped(); }));
    return {};
  }

  // Runs a program; its exit status. The output goes to <part>/log.
  Result<int> RunProgram(std::vector<std::string> arguments) const {
    ProcessOptions options;
    options.arguments = std::move(arguments);
    for (char** entry = environ; *entry != nullptr; ++entry)
      options.environment.emplace_back(*entry);
    options.output_file = part_ + "/log";
    options.ends_with_caller = true;
    JOEY_ASSIGN_OR_RETURN(Process process, Process::Spawn(options));
    while (!process.WaitFor(milliseconds(200))) {
      if (Status stopped = Stopped(); !stopped.ok()) {
        process.Signal(SIGKILL);
        process.WaitFor(std::chrono::seconds(10));
        return stopped;
      }
    }
    return process.exit_status();
  }

  // The first Python that has pip.
  Result<std::vector<std::string>> Pip() const {
    for (const std::string& python :
         {Environment("JOEY_PYTHON"), std::string(JOEY_BUILD_PYTHON), std::string("python3")}) {
      if (python.empty()) continue;
      std::vector<std::string> command = {"/usr/bin/env", python, "-m", "pip"};
      std::vector<std::string> test = command;
      test.emplace_back("--version");
      JOEY_ASSIGN_OR_RETURN(const int status, RunProgram(test));
      if (status == 0) return command;
    }
    return FailedPrecondition("TensorFlow cannot be downloaded: there is no Python with pip",
                              "install python3-pip, or set JOEY_PYTHON to a Python that has it");
  }

  Result<std::string> Download() const {
    JOEY_ASSIGN_OR_RETURN(std::vector<std::string> command, Pip());
    const std::string requirements = part_ + "/requirements.txt";
    const std::string folder = part_ + "/wheel";
    JOEY_RETURN_IF_ERROR(
        WriteFileAtomically(requirements, fmt::format("{}=={} --hash=sha256:{}\n", kWheel.package,
                                                      kTensorFlowVersion, kWheel.sha256)));
    for (const std::string& argument :
         {std::string("download"), std::string("--quiet"), std::string("--no-deps"),
          std::string("--only-binary=:all:"), std::string("--no-cache-dir"),
          std::string("--disable-pip-version-check"), std::string("--no-input"),
          std::string("--python-version=311"), fmt::format("--platform={}", kWheel.platform),
          std::string("--require-hashes"), "--requirement=" + requirements, "--dest=" + folder}) {
      command.push_back(argument);
    }
    JOEY_ASSIGN_OR_RETURN(const int status, RunProgram(command));
    const std::vector<std::string> files = FilesIn(folder);
    if (status == 0 && files.size() == 1) return files.front();
    return FailedPrecondition(
        "TensorFlow cannot be downloaded: " + LastError(),
        fmt::format("check the network and pip's configuration, then run '{}'", kInstallCommand));
  }

  // The last line of pip's that says what was wrong; pip hides passwords itself.
  std::string LastError() const {
    const Result<std::string> log = ReadFile(part_ + "/log", 1 << 20);
    if (!log.ok()) return "pip failed";
    std::string_view rest = *log;
    std::string_view found = "pip failed";
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      if (line.starts_with("ERROR: ")) found = line.substr(7, 500);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return std::string(found);
  }

  static Status Check(const std::string& wheel) {
    JOEY_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(wheel));
    if (Sha256::Hex(file.bytes()) == kWheel.sha256) return {};
    return {Code::kDataLoss, "the wheel of TensorFlow is not the one that this joey knows",
            fmt::format("it needs {} {} for {} with the SHA-256 {}", kWheel.package,
                        kTensorFlowVersion, kWheel.platform, kWheel.sha256)};
  }

  const TensorFlowInstall& how_;
  const std::string directory_;
  const std::string part_;
  const Clock::time_point deadline_ =
      Clock::now() + std::chrono::seconds(limits::kPluginInstallSecondsMax);
  UniqueFd lock_;
};

}  // namespace

Result<std::string> TensorFlowDirectory() {
  if (std::string given = Environment("JOEY_TENSORFLOW_DIRECTORY"); !given.empty()) return given;
  JOEY_ASSIGN_OR_RETURN(const std::string cache, CacheDirectory());
  return fmt::format("{}/tensorflow-{}-{}", cache, kTensorFlowVersion, kWheel.sha256.substr(0, 8));
}

bool TensorFlowIsInstalled() {
  const Result<std::string> directory = TensorFlowDirectory();
  return directory.ok() && HasLibrary(*directory);
}

Result<std::string> EnsureTensorFlow(const TensorFlowInstall& how) {
  JOEY_ASSIGN_OR_RETURN(std::string directory, TensorFlowDirectory());
  if (HasLibrary(directory)) return directory;
  if (!Environment("JOEY_TENSORFLOW_DIRECTORY").empty()) {
    return FailedPrecondition(
        "JOEY_TENSORFLOW_DIRECTORY names a folder without " + std::string(kMainLibrary),
        fmt::format("unset it and run '{}'", kInstallCommand));
  }
  JOEY_RETURN_IF_ERROR(Installer(how, directory).Run());
  return directory;
}

}  // namespace joey
