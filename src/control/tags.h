// Tags on pipelines and model versions, and searching by them (guide L9302-9399). Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "store/database.h"

namespace joey::control {

// Half-open ranges are fine: what is not set does not limit.
struct TimeRange {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;  // inclusive
};

struct PipelineSearch {
  std::string term;  // in a pipeline's name, a version's UUID or a tag; empty finds all
  std::optional<bool> deployed;
  TimeRange created;
  TimeRange updated;
};

struct ModelSearch {
  std::string term;                     // in a model's name, a version's UUID, file name or a tag
  std::optional<std::string> owner_id;  // only those that this user uploaded first
  TimeRange created;
};

class Tags {
 public:
  explicit Tags(Database& database) : database_(database) {}

  // A user's tags differ in their text: the same text again gives the same tag.
  Result<Tag> Create(std::string_view text, std::string_view owner_id);
  // NotFound when there is none. Uses are those that the viewer sees.
  Result<TagUse> Get(std::int64_t id, const Viewer& viewer);
  // The tags that are on something that the viewer sees, newest first.
  Result<std::vector<TagUse>> List(const Viewer& viewer);

  // Also ok when it was there, or was not there, already.
  Status AddToPipeline(std::int64_t tag_id, std::int64_t pipeline_id);
  Status RemoveFromPipeline(std::int64_t tag_id, std::int64_t pipeline_id);
  Status AddToModelVersion(std::int64_t tag_id, std::int64_t model_version_id);
  Status RemoveFromModelVersion(std::int64_t tag_id, std::int64_t model_version_id);

  // The pipelines with those of their versions that were found; newest first. A name or tag finds
  // all versions of its pipeline.
  Result<std::vector<Pipeline>> SearchPipelines(const PipelineSearch& search, const Viewer& viewer);
  // Newest first.
  Result<std::vector<ModelVersion>> SearchModels(const ModelSearch& search, const Viewer& viewer);

 private:
  Database& database_;
};

}  // namespace joey::control
