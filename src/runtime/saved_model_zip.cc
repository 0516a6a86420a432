#include "runtime/saved_model_zip.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <set>

#include "base/files.h"
#include "base/limits.h"
#include "base/zip.h"
#include "runtime/file_format.h"

namespace joey {
namespace {

constexpr std::string_view kGraphFile = "saved_model.pb";
constexpr ZipLimits kLimits{limits::kModelZipFilesMax, limits::kModelZipBytesMax};

Status NotSavedModel(std::string why) {
  return InvalidArgument(
      "the file is not a TensorFlow SavedModel: " + std::move(why),
      "upload a zip archive of the folder with saved_model.pb and variables/: zip -r NAME.zip "
      "FOLDER/");
}

// What macOS adds to archives.
bool IsNoise(std::string_view name) { return name.starts_with("__MACOSX/"); }

bool IsFileNamed(std::string_view name, std::string_view wanted) {
  return name == wanted || (name.ends_with(wanted) && name[name.size() - wanted.size() - 1] == '/');
}

// The names in an archive, and the folder ("" or "folder/") of its one saved_model.pb.
struct Layout {
  std::set<std::string, std::less<>> names;
  std::optional<std::string> root;

  Status Add(const ZipEntry& entry) {
    if (entry.directory || IsNoise(entry.name)) return {};
    names.insert(entry.name);
    if (!IsFileNamed(entry.name, kGraphFile)) return {};
    if (root) return NotSavedModel("it holds more than one saved_model.pb");
    root = entry.name.substr(0, entry.name.size() - kGraphFile.size());
    return {};
  }

  Status WhyNoRoot() const {
    for (const std::string& name : names) {
      if (IsFileNamed(name, "saved_model.pbtxt")) {
        return NotSavedModel("saved_model.pbtxt is its text form, saved_model.pb is needed");
      }
      if (name == "model.weights.h5" || IsFileNamed(name, "keras_metadata.pb")) {
        return NotSavedModel("it is a Keras file; save it with model.export(folder)");
      }
      if (name.ends_with(".h5") || name.ends_with(".keras")) {
        return NotSavedModel("it holds the Keras file '" + name +
                             "': upload that with framework 'keras', or save the model with "
                             "model.export(folder)");
      }
    }
    return NotSavedModel(names.empty() ? "the archive is empty" : "it holds no saved_model.pb");
  }

  Status CheckVariables(bool needed) const {
    const std::string prefix = *root + "variables/variables.";
    const bool index = names.contains(prefix + "index");
    const std::string data = prefix + "data-";
    const auto first = names.lower_bound(data);
    const bool shards = first != names.end() && first->starts_with(data);
    if (!index && !shards && !needed) return {};
    if (!index) return NotSavedModel("variables/variables.index is missing");
    if (!shards) return NotSavedModel("variables/variables.data-… is missing");
    // "00000-of-00002"
    const std::string_view rest = std::string_view(*first).substr(data.size());
    const std::size_t of = rest.find("-of-");
    std::size_t count = 0;
    if (of != std::string_view::npos) {
      std::from_chars(rest.data() + of + 4, rest.data() + rest.size(), count);
    }
    if (count == 0 || count > limits::kModelZipFilesMax) {
      return NotSavedModel("'" + *first + "' is no name of a variables file");
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::string shard = fmt::format("{}{:05}-of-{:05}", data, i, count);
      if (!names.contains(shard)) return NotSavedModel("'" + shard + "' is missing");
    }
    return {};
  }
};

// Opens the archive; says what else the file is when it is none.
Result<std::unique_ptr<ZipReader>> Open(const std::string& path) {
  {
    JOEY_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    if (file.bytes().empty()) return NotSavedModel("it is empty");
    // Nothing but the end of a central directory, which libarchive takes for no zip.
    if (file.bytes().starts_with("PK\x05\x06")) return NotSavedModel("the archive is empty");
    if (!file.bytes().starts_with("PK")) {
      const std::string_view format = NameOfFileFormat(file.bytes());
      return NotSavedModel(format.empty() ? "it is no zip archive"
                                          : fmt::format("it is {}", format));
    }
  }
  return ZipReader::Open(path, kLimits);
}

}  // namespace

Result<SavedModel> InspectSavedModelZip(const std::string& path) {
  JOEY_ASSIGN_OR_RETURN(auto reader, Open(path));
  const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  // On the disk of the archive, not in memory: a graph may have 2 GiB.
  std::string graph_path = path + ".XXXXXX";
  const UniqueFd graph_file(::mkostemp(graph_path.data(), O_CLOEXEC));
  if (!graph_file.valid()) return FileError("create", graph_path, errno);
  ::unlink(graph_path.c_str());
  Layout layout;
  for (;;) {
    JOEY_ASSIGN_OR_RETURN(const auto entry, reader->Next());
    if (!entry) break;
    JOEY_RETURN_IF_ERROR(layout.Add(*entry));
    if (entry->directory) continue;
    const bool graph = !IsNoise(entry->name) && IsFileNamed(entry->name, kGraphFile);
    if (graph && entry->claimed_bytes >= limits::kSavedModelGraphBytesMax) {
      return NotSavedModel(
          fmt::format("saved_model.pb has {} bytes or more", limits::kSavedModelGraphBytesMax));
    }
    JOEY_RETURN_IF_ERROR(reader->ReadInto(graph ? graph_file.get() : nowhere.get()));
  }
  if (!layout.root) return layout.WhyNoRoot();
  JOEY_ASSIGN_OR_RETURN(const MappedFile graph,
                        MappedFile::Open(fmt::format("/proc/self/fd/{}", graph_file.get())));
  JOEY_ASSIGN_OR_RETURN(SavedModel model, InspectSavedModel(graph.bytes()));
  JOEY_RETURN_IF_ERROR(layout.CheckVariables(model.needs_variables));
  return model;
}

Status ExtractSavedModelZip(const std::string& path, const std::string& directory) {
  Layout layout;
  {
    JOEY_ASSIGN_OR_RETURN(auto reader, Open(path));
    for (;;) {
      JOEY_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) break;
      JOEY_RETURN_IF_ERROR(layout.Add(*entry));
    }
  }
  if (!layout.root) return layout.WhyNoRoot();
  const std::string& root = *layout.root;
  return ExtractZip(path, directory, kLimits,
                    [&](std::string_view name) -> std::optional<std::string> {
                      if (IsNoise(name) || !name.starts_with(root)) return std::nullopt;
                      return std::string(name.substr(root.size()));
                    });
}

}  // namespace joey
