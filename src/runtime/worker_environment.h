// Python environments of workers: one for each lock file of workers/locks, made by uv on first
// need, kept in the cache (docs/models.md) and shared by everything that runs as this user.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

struct EnvironmentSpec {
  std::string lock;          // the file workers/locks/<lock>.txt
  std::string requirements;  // of the user's own, on top of it; see CheckRequirements()
};

struct WorkerEnvironment {
  std::string name;         // "<lock>-<digest, 12 digits>": its folder
  std::string digest;       // SHA-256 of what it is made of
  std::string interpreter;  // absolute
};

// "joey/<lock>@sha256:<digest>", as models show it.
std::string ImagePath(const EnvironmentSpec& spec, const WorkerEnvironment& environment);

// Where the environment is or would be; nothing is made. kNotFound: there is no such lock.
Result<WorkerEnvironment> LocateEnvironment(const EnvironmentSpec& spec);

// Makes it when it is missing, or waits for the process that does so already; a killed one leaves
// nothing that counts. Only built packages are installed: no code of theirs runs here. `cancelled`
// is asked several times a second. With JOEY_OFFLINE=1 nothing is downloaded: kFailedPrecondition.
// kInvalidArgument: the user's requirements cannot be installed, with uv's reason.
Result<WorkerEnvironment> EnsureEnvironment(const EnvironmentSpec& spec,
                                            const std::function<bool()>& cancelled = {});

// A user's requirements.txt: names, versions, extras and markers. Options, URLs, paths and version
// control are refused unless `links_allowed`: they decide where code comes from.
Status CheckRequirements(std::string_view text, bool links_allowed);
// What the operator allows: JOEY_REQUIREMENTS=any.
bool RequirementLinksAllowed();

struct EnvironmentInfo {
  std::string name;
  std::int64_t bytes = 0;
};
Result<std::vector<EnvironmentInfo>> ListEnvironments();
// kNotFound: there is no such environment. What runs in it ends with errors: undeploy first.
Status RemoveEnvironment(const std::string& name);

}  // namespace joey
