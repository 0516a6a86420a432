#include "control/tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "control/limits.h"
#include "control/model_rows.h"
#include "control/names.h"
#include "control/pipeline_rows.h"

namespace joey::control {
namespace {

// A pattern for LIKE … ESCAPE '\' that finds `term` anywhere. Both sides are made lower case.
Result<std::string> PatternOf(const std::string& term) {
  if (!term.empty()) {
    JOEY_RETURN_IF_ERROR(CheckText("search_term", term, kSearchTermBytesMax));
  }
  std::string out = "%";
  for (const char c : term) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

// The model versions and pipelines of a viewer that bear tags, or bear tag ?2, by tag.
Status LoadUses(Connection& connection, const Viewer& viewer, std::optional<std::int64_t> only,
                std::vector<TagUse>& uses) {
  std::vector<ModelVersion> versions;
  JOEY_RETURN_IF_ERROR(LoadModelVersions(
      connection,
      fmt::format("WHERE {} AND v.id IN (SELECT model_version_id FROM model_version_tag "
                  "WHERE ?2 IS NULL OR tag_id = ?2) ORDER BY v.id DESC",
                  SeenBy("m.workspace_id", 1)),
      {viewer, only}, versions));
  std::vector<Pipeline> pipelines;
  JOEY_RETURN_IF_ERROR(
      LoadPipelines(connection,
                    fmt::format("WHERE {} AND p.id IN (SELECT pipeline_id FROM pipeline_tag "
                                "WHERE ?2 IS NULL OR tag_id = ?2)",
                                SeenBy("p.workspace_id", 1)),
                    {viewer, only}, pipelines));
  std::unordered_map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < uses.size(); ++i) places[uses[i].tag.id] = i;
  const auto use_of = [&](const Tag& tag) -> TagUse* {
    if (only && tag.id != *only) return nullptr;
    const auto [place, added] = places.emplace(tag.id, uses.size());
    if (added) uses.push_back({tag, {}, {}});
    return &uses[place->second];
  };
  for (const ModelVersion& version : versions) {
    for (const Tag& tag : version.tags) {
      if (TagUse* use = use_of(tag)) use->model_versions.push_back(version);
    }
  }
  for (const Pipeline& pipeline : pipelines) {
    for (const Tag& tag : pipeline.tags) {
      if (TagUse* use = use_of(tag)) use->pipelines.push_back(pipeline);
    }
  }
  return {};
}

bool Contains(const std::string& text, const std::string& lower_term) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return lower.find(lower_term) != std::string::npos;
}

}  // namespace

Result<Tag> Tags::Create(std::string_view text, std::string_view owner_id) {
  JOEY_RETURN_IF_ERROR(CheckText("tag", text, kTagBytesMax));
  Tag tag{0, std::string(text)};
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(connection
                             .Run("INSERT INTO tag(tag, created_by, created_at) VALUES (?, ?, ?) "
                                  "ON CONFLICT(created_by, tag) DO NOTHING",
                                  {text, owner_id, NowMicros()})
                             .status());
    JOEY_ASSIGN_OR_RETURN(const auto id,
                          connection.QueryInt("SELECT id FROM tag WHERE created_by = ? AND tag = ?",
                                              {owner_id, text}));
    tag.id = id.value_or(0);
    return {};
  }));
  return tag;
}

Result<TagUse> Tags::Get(std::int64_t id, const Viewer& viewer) {
  std::vector<TagUse> uses;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(
        connection.Query("SELECT id, tag FROM tag WHERE id = ?", {id}, [&](const SqlRow& row) {
          uses.push_back({{row.Int(0), row.Text(1)}, {}, {}});
        }));
    if (uses.empty()) {
      return NoSuchId("tag", id,
                      "list the tags with wl.list_tags(), or make one with wl.create_tag(text)");
    }
    return LoadUses(connection, viewer, id, uses);
  }));
  return std::move(uses.front());
}

Result<std::vector<TagUse>> Tags::List(const Viewer& viewer) {
  std::vector<TagUse> uses;
  JOEY_RETURN_IF_ERROR(database_.Read(
      [&](Connection& connection) { return LoadUses(connection, viewer, std::nullopt, uses); }));
  std::sort(uses.begin(), uses.end(),
            [](const TagUse& a, const TagUse& b) { return a.tag.id > b.tag.id; });
  return uses;
}

Status Tags::AddToPipeline(std::int64_t tag_id, std::int64_t pipeline_id) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run("INSERT INTO pipeline_tag(pipeline_id, tag_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
             {pipeline_id, tag_id})
        .status();
  });
}

Status Tags::RemoveFromPipeline(std::int64_t tag_id, std::int64_t pipeline_id) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run("DELETE FROM pipeline_tag WHERE pipeline_id = ? AND tag_id = ?", {pipeline_id, tag_id})
        .status();
  });
}

Status Tags::AddToModelVersion(std::int64_t tag_id, std::int64_t model_version_id) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run(
            "INSERT INTO model_version_tag(model_version_id, tag_id) VALUES (?, ?) "
            "ON CONFLICT DO NOTHING",
            {model_version_id, tag_id})
        .status();
  });
}

Status Tags::RemoveFromModelVersion(std::int64_t tag_id, std::int64_t model_version_id) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run("DELETE FROM model_version_tag WHERE model_version_id = ? AND tag_id = ?",
             {model_version_id, tag_id})
        .status();
  });
}

Result<std::vector<Pipeline>> Tags::SearchPipelines(const PipelineSearch& search,
                                                    const Viewer& viewer) {
  JOEY_ASSIGN_OR_RETURN(const std::string pattern, PatternOf(search.term));
  std::string lower = search.term;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  std::vector<Pipeline> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadPipelines(
        connection,
        fmt::format("WHERE {} AND (lower(p.name) LIKE lower(?2) ESCAPE '\\' OR p.id IN "
                    "(SELECT pt.pipeline_id FROM pipeline_tag pt JOIN tag t ON t.id = pt.tag_id "
                    "WHERE lower(t.tag) LIKE lower(?2) ESCAPE '\\') OR p.id IN "
                    "(SELECT pv.pipeline_id FROM pipeline_version pv WHERE pv.version LIKE "
                    "lower(?2) ESCAPE '\\')) AND "
                    "(?3 IS NULL OR ?3 = CASE WHEN EXISTS (SELECT 1 FROM deployment d "
                    "WHERE d.pipeline_id = p.id AND d.deployed = 1) THEN 1 ELSE 0 END)",
                    SeenBy("p.workspace_id", 1)),
        {viewer, pattern, search.deployed}, out);
  }));
  const auto inside = [](std::int64_t time, const TimeRange& range) {
    return (!range.start || time >= *range.start) && (!range.end || time <= *range.end);
  };
  for (Pipeline& pipeline : out) {
    const bool all = Contains(pipeline.name, lower) ||
                     std::any_of(pipeline.tags.begin(), pipeline.tags.end(),
                                 [&](const Tag& tag) { return Contains(tag.text, lower); });
    std::erase_if(pipeline.versions, [&](const PipelineVersion& version) {
      return !(all || Contains(version.version, lower)) ||
             !inside(version.created_at, search.created) ||
             !inside(version.updated_at, search.updated);
    });
  }
  std::erase_if(out, [](const Pipeline& pipeline) { return pipeline.versions.empty(); });
  return out;
}

Result<std::vector<ModelVersion>> Tags::SearchModels(const ModelSearch& search,
                                                     const Viewer& viewer) {
  JOEY_ASSIGN_OR_RETURN(const std::string pattern, PatternOf(search.term));
  std::vector<ModelVersion> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadModelVersions(
        connection,
        fmt::format("WHERE {} AND (lower(m.name) LIKE lower(?2) ESCAPE '\\' OR "
                    "lower(v.file_name) LIKE lower(?2) ESCAPE '\\' OR "
                    "v.version LIKE lower(?2) ESCAPE '\\' OR v.id IN "
                    "(SELECT vt.model_version_id FROM model_version_tag vt "
                    "JOIN tag t ON t.id = vt.tag_id "
                    "WHERE lower(t.tag) LIKE lower(?2) ESCAPE '\\')) AND "
                    "(?3 IS NULL OR m.owner_id = ?3) AND (?4 IS NULL OR v.created_at >= ?4) AND "
                    "(?5 IS NULL OR v.created_at <= ?5) ORDER BY v.id DESC",
                    SeenBy("m.workspace_id", 1)),
        {viewer, pattern, search.owner_id, search.created.start, search.created.end}, out);
  }));
  return out;
}

}  // namespace joey::control
