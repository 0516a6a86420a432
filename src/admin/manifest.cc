#include "admin/manifest.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/sha256.h"

namespace joey::admin {

using nlohmann::json;

namespace {

constexpr int kFormat = 1;
constexpr std::size_t kManifestBytesMax = std::size_t{1} << 30;

std::string PathOf(const std::string& backup) { return backup + "/backup.json"; }

Status Damaged(const std::string& backup) {
  return {Code::kDataLoss, "the backup is damaged: " + PathOf(backup) + " is not what was written",
          "use another backup"};
}

// Nothing that a restore could write outside of its directory.
bool StaysInside(const std::string& path) {
  const std::filesystem::path parts(path);
  return !path.empty() && parts.is_relative() &&
         std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace

Status WriteManifest(const std::string& backup, const Manifest& manifest) {
  json files = json::array();
  for (const BackedUpFile& file : manifest.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  json content = {{"format", kFormat},
                  {"joey", manifest.joey},
                  {"created_at", manifest.created_at},
                  {"schema", manifest.schema},
                  {"files", std::move(files)}};
  const std::string digest = Sha256::Hex(content.dump());
  const json document = {{"backup", std::move(content)}, {"sha256", digest}};
  return WriteFileAtomically(PathOf(backup), document.dump(1) + "\n");
}

Result<Manifest> ReadManifest(const std::string& backup) {
  Result<std::string> text = ReadFile(PathOf(backup), kManifestBytesMax);
  if (!text.ok()) {
    if (text.status().code() != Code::kNotFound) return text.status();
    return NotFound("there is no backup in " + backup + ", or one that was never finished",
                    "name a directory that joey backup has made");
  }
  try {
    const json document = json::parse(*text);
    const json& content = document.at("backup");
    if (Sha256::Hex(content.dump()) != document.at("sha256")) return Damaged(backup);
    if (content.at("format") != kFormat) {
      return FailedPrecondition("the backup was made by a newer joey", "restore it with that joey");
    }
    Manifest out;
    out.joey = content.at("joey");
    out.created_at = content.at("created_at");
    out.schema = content.at("schema");
    for (const json& file : content.at("files")) {
      out.files.push_back({file.at("path"), file.at("bytes"), file.at("sha256")});
      if (!StaysInside(out.files.back().path)) return Damaged(backup);
    }
    return out;
  } catch (const json::exception&) {
    return Damaged(backup);
  }
}

}  // namespace joey::admin
