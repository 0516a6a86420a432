// Model files, addressed by the SHA-256 of their content: <root>/sha256/ab/<64 digits>.
//
// A file is written beside the others, synced and renamed: it is there whole or not at all, and the
// same content is kept once. Paths are made from digests only, never from what a user wrote.
// Files are not removed: a file that no version refers to (a crash between the rename and the row
// in the database) is used again by the next upload of the same content.
//
// Threads: all functions may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/status.h"

namespace joey {

class ModelFiles;

// A file being written. Removed when it is destroyed before ModelFiles::Keep().
class PendingModelFile {
 public:
  ~PendingModelFile();
  PendingModelFile(const PendingModelFile&) = delete;
  PendingModelFile& operator=(const PendingModelFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& sha() const { return sha_; }
  std::int64_t size_bytes() const { return size_bytes_; }

 private:
  friend class ModelFiles;
  PendingModelFile() = default;
  std::string path_;
  std::string sha_;
  std::int64_t size_bytes_ = 0;
  bool kept_ = false;
};

class ModelFiles {
 public:
  // Makes the directories and removes what a killed process left half written.
  static Result<std::unique_ptr<ModelFiles>> Open(const std::string& root);

  // Copies `size` bytes at `offset` of the file `source` and computes their digest.
  Result<std::unique_ptr<PendingModelFile>> Write(const std::string& source, std::int64_t offset,
                                                  std::int64_t size) const;

  // The same for bytes in memory.
  Result<std::unique_ptr<PendingModelFile>> WriteBytes(std::string_view bytes) const;

  // Gives the pending file its lasting place.
  Status Keep(PendingModelFile& file) const;

  // Where the file with that digest is; InvalidArgument when `sha` is no digest, NotFound when
  // there is no such file.
  Result<std::string> Find(std::string_view sha) const;

 private:
  explicit ModelFiles(std::string root) : root_(std::move(root)) {}
  std::string DirectoryOf(std::string_view sha) const;
  const std::string root_;
};

}  // namespace joey
