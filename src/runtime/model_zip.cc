#include "runtime/model_zip.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/limits.h"
#include "base/zip.h"
#include "runtime/worker_limits.h"

namespace joey {
namespace {

constexpr std::string_view kRequirements = "requirements.txt";

Result<std::string> ReadEntry(ZipReader& zip, const ZipEntry& entry) {
  if (entry.claimed_bytes > static_cast<std::int64_t>(limits::kRequirementsBytesMax)) {
    return InvalidArgument("requirements.txt is larger than " +
                           std::to_string(limits::kRequirementsBytesMax) + " bytes");
  }
  UniqueFd file(::memfd_create("joey-requirements", MFD_CLOEXEC));
  if (!file.valid()) return FileError("make", "a memory file", errno);
  JOEY_RETURN_IF_ERROR(zip.ReadInto(file.get()));
  std::string out(limits::kRequirementsBytesMax + 1, '\0');
  const ssize_t got = ::pread(file.get(), out.data(), out.size(), 0);
  if (got < 0) return FileError("read", "a memory file", errno);
  out.resize(static_cast<std::size_t>(got));
  return out;
}

}  // namespace

Result<std::string> InspectModelZip(const std::string& path) {
  constexpr ZipLimits kLimits{limits::kModelZipFilesMax, limits::kModelZipBytesMax};
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<ZipReader> zip, ZipReader::Open(path, kLimits));
  std::string requirements;
  std::size_t best = std::string::npos;  // how deep the one that was found lies
  std::int64_t claimed = 0;
  for (;;) {
    JOEY_ASSIGN_OR_RETURN(std::optional<ZipEntry> entry, zip->Next());
    if (!entry) break;
    claimed += std::max<std::int64_t>(0, entry->claimed_bytes);
    if (claimed > limits::kModelTmpBytesMax) {
      return InvalidArgument("the zip unpacks to more than " +
                                 std::to_string(limits::kModelTmpBytesMax) +
                                 " bytes, which is what a worker has room for",
                             "upload smaller artifacts");
    }
    const std::string_view name = entry->name;
    const auto depth = static_cast<std::size_t>(std::ranges::count(name, '/'));
    const bool named = name == kRequirements || name.ends_with("/requirements.txt");
    if (entry->directory || !named || depth > 1 || name.starts_with("__MACOSX") || depth >= best) {
      continue;
    }
    JOEY_ASSIGN_OR_RETURN(requirements, ReadEntry(*zip, *entry));
    best = depth;
  }
  return requirements;
}

}  // namespace joey
