#include "base/plugin.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>

namespace joey {

Result<void*> OpenPlugin(const std::string& name, const std::string& symbol,
                         const std::string& hint) {
  std::error_code error;
  const std::string file = "lib" + name + ".so";
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  std::filesystem::path path = program.parent_path() / file;
  if (!std::filesystem::exists(path, error)) path = program.parent_path() / "../lib/joey" / file;
  if (!std::filesystem::exists(path, error)) {
    return FailedPrecondition("there is no " + file + " beside " + program.string(), hint);
  }
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* found = library == nullptr ? nullptr : ::dlsym(library, symbol.c_str());
  if (found == nullptr) {
    const char* problem = ::dlerror();
    return FailedPrecondition(
        file + " cannot be loaded: " + (problem == nullptr ? path.string() : problem), hint);
  }
  return found;
}

}  // namespace joey
