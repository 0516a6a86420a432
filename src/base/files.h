// Files: descriptors that close themselves, whole reads, and writes that are either whole or
// absent.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace joey {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

// A file mapped read-only; empty for an empty file. The file must not shrink meanwhile.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, std::size_t size) : data_(data), size_(size) {}
  const char* data_;
  std::size_t size_;
};

// An Internal (or ResourceExhausted when the disk is full) status with the text of `error` (errno).
Status FileError(std::string_view action, const std::string& path, int error);

// Creates the directory and its parents with mode `mode`; an existing one is fine.
Status MakeDirectories(const std::string& path, mode_t mode = 0700);

Status WriteAll(int fd, std::string_view bytes, const std::string& path);

// Makes a rename or unlink inside `directory` durable.
Status SyncDirectory(const std::string& directory);

// The content of a file of at most `bytes_max`; NotFound when there is none.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

// Replaces `path` with a durable file of that content; readers see the old one or the new one.
Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode = 0600);

}  // namespace joey
