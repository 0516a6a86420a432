#include "base/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "base/files.h"
#include "base/limits.h"

namespace joey {
namespace {

Status BadZip(std::string_view why) {
  return InvalidArgument(fmt::format("the zip archive cannot be used: {}", why),
                         "make it again with: zip -r NAME.zip FOLDER/");
}

bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > limits::kZipNameBytesMax || name.front() == '/') return false;
  const bool odd = std::any_of(name.begin(), name.end(), [](char c) {
    return (c >= 0 && c < ' ') || c == '\x7f' || c == '\\';
  });
  if (odd) return false;
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
  }
  return true;
}

}  // namespace

struct ZipReader::Impl {
  ~Impl() { archive_read_free(handle); }

  // libarchive says "(null)" and worse for some damage; it never holds more than one line.
  Status Damaged() const {
    const char* text = archive_error_string(handle);
    return BadZip(text == nullptr ? "it is damaged" : text);
  }

  archive* handle = archive_read_new();
  ZipLimits allowed{};
  std::unordered_set<std::string> names;
  std::int64_t claimed = 0;
  std::int64_t unpacked = 0;
};

ZipReader::ZipReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZipReader::~ZipReader() = default;

Result<std::unique_ptr<ZipReader>> ZipReader::Open(const std::string& path, ZipLimits limits) {
  auto impl = std::make_unique<Impl>();
  impl->allowed = limits;
  if (impl->handle == nullptr) return ResourceExhausted("not enough memory to read a zip archive");
  // The central directory decides, as for other programs: an archive must not look different to
  // whoever reads it front to back.
  archive_read_support_format_zip_seekable(impl->handle);
  constexpr std::size_t kBlockBytes = 1 << 18;
  if (archive_read_open_filename(impl->handle, path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return BadZip("it is no zip archive");
  }
  return std::unique_ptr<ZipReader>(new ZipReader(std::move(impl)));
}

Result<std::optional<ZipEntry>> ZipReader::Next() {
  archive_entry* entry = nullptr;
  const int code = archive_read_next_header(impl_->handle, &entry);
  if (code == ARCHIVE_EOF) return std::optional<ZipEntry>();
  if (code < ARCHIVE_WARN) return impl_->Damaged();
  // The first gives nothing for names in an older encoding, the second none for UTF-8 in the C
  // locale.
  const char* pathname = archive_entry_pathname_utf8(entry);
  if (pathname == nullptr) pathname = archive_entry_pathname(entry);
  if (pathname == nullptr) return BadZip("it holds a name that cannot be read");
  ZipEntry out;
  out.name = pathname;
  const auto type = archive_entry_filetype(entry);
  out.directory = type == AE_IFDIR;
  if (out.directory && out.name.ends_with('/')) out.name.pop_back();
  if (!IsPlainName(out.name)) return BadZip("it holds a file outside of its own folder");
  if (!out.directory && type != AE_IFREG) {
    return BadZip(
        fmt::format("'{}' is a link or device, only files and folders are taken", out.name));
  }
  if (archive_entry_symlink(entry) != nullptr || archive_entry_hardlink(entry) != nullptr) {
    return BadZip(fmt::format("'{}' is a link, only files and folders are taken", out.name));
  }
  if (archive_entry_is_encrypted(entry) != 0) {
    return BadZip(fmt::format("'{}' is encrypted", out.name));
  }
  if (!impl_->names.insert(out.name).second) {
    return BadZip(fmt::format("it holds '{}' twice", out.name));
  }
  if (impl_->names.size() > impl_->allowed.entries_max) {
    return BadZip(fmt::format("it holds more than {} files", impl_->allowed.entries_max));
  }
  out.claimed_bytes = std::max<std::int64_t>(0, archive_entry_size(entry));
  if (out.claimed_bytes > impl_->allowed.bytes_max - impl_->claimed) {
    return BadZip(fmt::format("it unpacks to more than {} bytes", impl_->allowed.bytes_max));
  }
  impl_->claimed += out.claimed_bytes;
  return std::optional<ZipEntry>(std::move(out));
}

Status ZipReader::ReadInto(int fd) {
  for (;;) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int code = archive_read_data_block(impl_->handle, &data, &size, &offset);
    if (code == ARCHIVE_EOF) return {};
    if (code != ARCHIVE_OK) return impl_->Damaged();
    impl_->unpacked += static_cast<std::int64_t>(size);
    if (impl_->unpacked > impl_->allowed.bytes_max) {
      return BadZip(fmt::format("it unpacks to more than {} bytes", impl_->allowed.bytes_max));
    }
    JOEY_RETURN_IF_ERROR(WriteAll(fd, {static_cast<const char*>(data), size}, "a file of the zip"));
  }
}

Status ExtractZip(const std::string& path, const std::string& directory, ZipLimits limits,
                  const std::function<std::optional<std::string>(std::string_view name)>& wanted) {
  JOEY_ASSIGN_OR_RETURN(auto reader, ZipReader::Open(path, limits));
  for (;;) {
    JOEY_ASSIGN_OR_RETURN(const auto entry, reader->Next());
    if (!entry) return {};
    if (entry->directory) continue;
    const std::optional<std::string> relative = wanted(entry->name);
    if (!relative) continue;
    const std::string target = directory + "/" + *relative;
    JOEY_RETURN_IF_ERROR(MakeDirectories(target.substr(0, target.rfind('/'))));
    const UniqueFd file(
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) {
      if (errno == EEXIST || errno == ENOTDIR) {
        return BadZip(fmt::format("two of its files have the place of '{}'", entry->name));
      }
      return FileError("write", target, errno);
    }
    JOEY_RETURN_IF_ERROR(reader->ReadInto(file.get()));
  }
}

}  // namespace joey
