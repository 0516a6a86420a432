// What the control plane keeps, as plain values. Times are microseconds since 1970 UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model_signature.h"

namespace joey::control {

struct User {
  std::string id;
  std::string email;
  std::string user_type;  // "OWNER" or "COLLABORATOR" inside a workspace, else empty
  std::string username;
  bool administrator = false;
};

// With `--auth none` everything belongs to this user, an administrator (docs/identity.md).
inline constexpr std::string_view kDefaultUserId = "00000000-0000-0000-0000-000000000001";
inline constexpr std::string_view kDefaultUserEmail = "default@ex.co";

struct Workspace {
  std::int64_t id = 0;
  std::string name;
  std::int64_t created_at = 0;
  std::string created_by;
  bool archived = false;
  std::vector<std::int64_t> model_ids;
  std::vector<std::int64_t> pipeline_ids;
  std::vector<User> users;
};

struct DataConnection {
  std::string id;  // UUID
  std::string name;
  std::string type;
  std::string details;  // JSON; only where it was asked for
  std::string created_by;
  std::int64_t created_at = 0;
  std::vector<std::string> workspace_names;  // of those that the reader sees
};

struct Tag {
  std::int64_t id = 0;
  std::string text;
};

struct ModelRecord {  // the name
  std::int64_t id = 0;
  std::int64_t workspace_id = 0;
  std::string name;
  std::string owner_id;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  std::int64_t versions = 0;
};

struct ModelVersion {
  std::int64_t id = 0;
  std::int64_t model_id = 0;
  std::int64_t workspace_id = 0;
  std::string name;
  std::string owner_id;
  std::string version;  // UUID
  std::string sha;
  std::int64_t size_bytes = 0;
  std::string file_name;
  std::string framework;
  std::string arch;  // "x86" or "arm"; empty where the upload named none
  std::string visibility;
  std::string status;
  std::string status_text;
  std::string native_sha;   // of the converted file; empty where the uploaded one is served
  std::string environment;  // of its workers; empty where it has none
  std::string image_path;   // shown to users; empty for native models
  ModelSignature signature;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  std::vector<Tag> tags;
};

struct ModelConfig {
  std::int64_t id = 0;
  std::int64_t model_version_id = 0;
  std::string runtime = "onnx";
  std::optional<std::vector<std::string>> tensor_fields;
  std::optional<double> filter_threshold;
  std::optional<std::string> input_schema;   // base64
  std::optional<std::string> output_schema;  // base64
  std::optional<std::string> batch_config;   // "single"
};

struct Deployment {
  std::int64_t id = 0;
  std::int64_t pipeline_id = 0;
  std::int64_t pipeline_version_id = 0;
  std::string pipeline_name;
  std::string deploy_id;
  bool deployed = false;
  std::string engine_config;  // JSON
  std::int64_t generation = 0;
  std::vector<std::int64_t> model_config_ids;

  // "<deploy_id>-<id>": the name in status requests and inference URLs.
  std::string Key() const { return deploy_id + "-" + std::to_string(id); }
};

struct PipelineVersion {
  std::int64_t id = 0;
  std::int64_t pipeline_id = 0;
  std::string pipeline_name;
  std::string version;     // UUID
  std::string definition;  // JSON
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  bool deployed = false;
  std::vector<std::int64_t> model_config_ids;
};

struct Pipeline {
  std::int64_t id = 0;
  std::int64_t workspace_id = 0;
  std::string name;
  std::string owner_id;
  std::string visibility;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  std::vector<PipelineVersion> versions;  // newest first
  std::vector<Tag> tags;
  std::optional<Deployment> deployment;  // of the last deploy, running or not
};

// A tag and what it is on, as far as its reader sees that.
struct TagUse {
  Tag tag;
  std::vector<ModelVersion> model_versions;
  std::vector<Pipeline> pipelines;
};

// The log topic of a pipeline's inferences.
std::string TopicName(const Pipeline& pipeline);

}  // namespace joey::control
