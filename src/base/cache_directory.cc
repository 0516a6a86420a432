#include "base/cache_directory.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace joey {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<std::string> CacheDirectory() {
  if (std::string cache = Environment("JOEY_CACHE"); !cache.empty()) return cache;
  if (std::string cache = Environment("XDG_CACHE_HOME"); !cache.empty()) return cache + "/joey";
  std::string home = Environment("HOME");
  if (home.empty()) {
    const passwd* user = ::getpwuid(::getuid());
    if (user != nullptr && user->pw_dir != nullptr) home = user->pw_dir;
  }
  if (home.empty()) return FailedPrecondition("there is no home directory", "set JOEY_CACHE");
  return home + "/.cache/joey";
}

}  // namespace joey
