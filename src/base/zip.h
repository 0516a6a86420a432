// Reads zip archives of strangers, entry by entry.
//
// Refused with kInvalidArgument: what is no zip, encrypted entries, links and devices, names that
// are absolute, climb out ("..") or hold control characters or backslashes, a name given twice,
// more entries or more unpacked bytes than allowed (counted while unpacking; what the archive
// claims is only believed when it is too much already).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey {

struct ZipLimits {
  std::size_t entries_max;
  std::int64_t bytes_max;  // of all entries that are read, unpacked
};

struct ZipEntry {
  std::string name;  // "folder/file": relative, '/' between parts, no '/' at the end
  bool directory = false;
  std::int64_t claimed_bytes = 0;
};

// One pass over an archive. Not thread-safe.
class ZipReader {
 public:
  static Result<std::unique_ptr<ZipReader>> Open(const std::string& path, ZipLimits limits);
  ~ZipReader();

  // The next entry, nullopt at the end. An entry that is not read costs nothing.
  Result<std::optional<ZipEntry>> Next();
  // Unpacks the current entry into an open file at its current position, checking its CRC.
  Status ReadInto(int fd);

 private:
  struct Impl;
  explicit ZipReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Unpacks the files for which `wanted` gives a path into `directory`, which must exist: the path
// is relative to it and the folders on the way are made. Nothing that exists is overwritten or
// followed. Files get mode 0600, folders 0700. What is there after an error is for the caller to
// remove.
Status ExtractZip(const std::string& path, const std::string& directory, ZipLimits limits,
                  const std::function<std::optional<std::string>(std::string_view name)>& wanted);

}  // namespace joey
