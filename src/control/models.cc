#include "control/models.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "control/conversions.h"
#include "control/frameworks.h"
#include "control/model_rows.h"
#include "control/names.h"
#include "control/schema_signature.h"
#include "control/signature_json.h"
#include "control/workspaces.h"
#include "runtime/framework_model.h"
#include "runtime/model_zip.h"
#include "runtime/onnx_inspect.h"
#include "runtime/saved_model_zip.h"

namespace joey::control {
namespace {

constexpr std::string_view kModelColumns =
    "SELECT m.id, m.workspace_id, m.name, m.owner_id, m.created_at, m.updated_at, "
    "(SELECT count(*) FROM model_version v WHERE v.model_id = m.id) FROM model m ";

Status LoadModels(Connection& connection, std::string_view where,
                  std::initializer_list<SqlValue> values, std::vector<ModelRecord>& out) {
  return connection.Query(std::string(kModelColumns) + std::string(where), values,
                          [&](const SqlRow& row) {
                            ModelRecord model;
                            model.id = row.Int(0);
                            model.workspace_id = row.Int(1);
                            model.name = row.Text(2);
                            model.owner_id = row.Text(3);
                            model.created_at = row.Int(4);
                            model.updated_at = row.Int(5);
                            model.versions = row.Int(6);
                            out.push_back(std::move(model));
                          });
}

// Base64 of something, or nothing. What it holds is the business of whoever uses the schema.
Status CheckSchema(std::string_view key, const std::optional<std::string>& schema) {
  if (!schema) return {};
  const std::size_t padding = schema->ends_with("==") ? 2 : schema->ends_with("=") ? 1 : 0;
  const bool good =
      !schema->empty() && schema->size() % 4 == 0 &&
      std::all_of(schema->begin(), schema->end() - static_cast<long>(padding), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/';
      });
  if (good) return {};
  return InvalidArgument(fmt::format("'{}' is not base64", key),
                         "send the base64 of pyarrow.Schema.serialize()");
}

// Only what can be seen without running it; an engine says what is wrong inside.
Status InspectPython(std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    return InvalidArgument("the file is no Python script: it is not UTF-8 text",
                           "upload one .py file");
  }
  if (text.find("wallaroo_json") == std::string_view::npos) {
    return InvalidArgument("the script has no function wallaroo_json(data)",
                           "define it: it gets the step's columns and returns the next ones");
  }
  return {};
}

Result<ModelSignature> InspectFile(std::string_view framework, const std::string& path) {
  if (framework == "tensorflow") {
    JOEY_ASSIGN_OR_RETURN(const SavedModel model, InspectSavedModelZip(path));
    return model.Signature();
  }
  JOEY_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(path));
  if (framework == "python") {
    JOEY_RETURN_IF_ERROR(InspectPython(mapped.bytes()));
    return ModelSignature();
  }
  return InspectOnnx(mapped.bytes());
}

// What a worker will unpack is refused here where it is no good archive.
Status InspectArchive(std::string_view framework, const std::string& path) {
  if (framework == "custom") return EnvironmentOf(framework, "", path).status();
  if (framework != "keras") return {};
  JOEY_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(path));
  constexpr std::string_view kZip = "PK\x03\x04";
  return mapped.bytes().starts_with(kZip) ? InspectModelZip(path).status() : Status();
}

Status CheckTensorFields(const ModelVersion& version, const std::vector<std::string>& fields) {
  const std::vector<ModelField>& inputs = version.signature.inputs;
  // The inputs of a Python step are those of its schema, which an engine compares.
  if (version.framework != "python" && fields.size() != inputs.size()) {
    std::string names;
    for (const ModelField& input : inputs) names += (names.empty() ? "" : ", ") + input.name;
    return InvalidArgument(
        fmt::format("tensor_fields has {} name{}, the model '{}' has {} input{}: {}", fields.size(),
                    fields.size() == 1 ? "" : "s", version.name, inputs.size(),
                    inputs.size() == 1 ? "" : "s", names),
        "give one name per input, in the order of the inputs");
  }
  std::unordered_set<std::string_view> seen;
  for (const std::string& field : fields) {
    const bool control =
        std::any_of(field.begin(), field.end(), [](char c) { return c >= 0 && c < ' '; });
    if (field.empty() || control) {
      return InvalidArgument("tensor_fields holds a name that is empty or has control characters",
                             "name the column of the request that feeds the input");
    }
    if (!seen.insert(field).second) {
      return InvalidArgument("tensor_fields names " + Quoted(field) + " twice",
                             "give every input a name of its own");
    }
  }
  return {};
}

// Runtime and schemas of a model of another framework are those of its newest configuration, where
// a new one does not say otherwise: it cannot run without.
Status TakeOver(Connection& connection, ModelConfig& config) {
  std::vector<ModelConfig> last;
  JOEY_RETURN_IF_ERROR(LoadModelConfigs(connection,
                                        "WHERE model_version_id = ? ORDER BY id DESC LIMIT 1",
                                        {config.model_version_id}, last));
  if (last.empty()) return Internal("the model version has no configuration");
  config.runtime = last.front().runtime;
  if (!config.input_schema) config.input_schema = last.front().input_schema;
  if (!config.output_schema) config.output_schema = last.front().output_schema;
  return {};
}

}  // namespace

Status Models::CheckUpload(const ModelUpload& upload) {
  JOEY_RETURN_IF_ERROR(CheckName("model", upload.name));
  JOEY_ASSIGN_OR_RETURN(const FrameworkInfo* framework, FindFramework(upload.framework));
  if (!upload.arch.empty() && upload.arch != "x86" && upload.arch != "arm") {
    return InvalidArgument("there is no architecture " + Quoted(upload.arch), "use 'x86' or 'arm'");
  }
  if (upload.visibility != "private" && upload.visibility != "public") {
    return InvalidArgument("there is no visibility " + Quoted(upload.visibility),
                           "use 'private' or 'public'");
  }
  JOEY_RETURN_IF_ERROR(CheckSchema("input_schema", upload.input_schema));
  JOEY_RETURN_IF_ERROR(CheckSchema("output_schema", upload.output_schema));
  if (framework->in_workers()) {
    JOEY_RETURN_IF_ERROR(SignatureOfSchemas(upload).status());
  }
  return database_.Read(
      [&](Connection& connection) { return RequireWorkspace(connection, upload.workspace_id); });
}

Result<std::int64_t> Models::Upload(const ModelUpload& upload, const FileRange& file) {
  JOEY_RETURN_IF_ERROR(CheckUpload(upload));
  JOEY_ASSIGN_OR_RETURN(auto pending, files_.Write(file.path, file.offset, file.size));
  JOEY_ASSIGN_OR_RETURN(const FrameworkInfo* framework, FindFramework(upload.framework));
  ModelSignature signature;
  if (framework->in_workers()) {
    JOEY_ASSIGN_OR_RETURN(signature, SignatureOfSchemas(upload));
    JOEY_RETURN_IF_ERROR(InspectArchive(upload.framework, pending->path()));
  } else {
    JOEY_ASSIGN_OR_RETURN(signature, InspectFile(upload.framework, pending->path()));
  }
  JOEY_RETURN_IF_ERROR(files_.Keep(*pending));

  const std::string file_name = DisplayFileName(upload.file_name);
  const std::string signature_json = SignatureToJson(signature);
  const std::int64_t now = NowMicros();
  std::int64_t version_id = 0;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("INSERT INTO model(workspace_id, name, owner_id, created_at, updated_at) "
                 "VALUES (?1, ?2, ?3, ?4, ?4) "
                 "ON CONFLICT(workspace_id, name) DO UPDATE SET updated_at = ?4",
                 {upload.workspace_id, upload.name, upload.owner_id, now})
            .status());
    JOEY_ASSIGN_OR_RETURN(
        const auto model_id,
        connection.QueryInt("SELECT id FROM model WHERE workspace_id = ? AND name = ?",
                            {upload.workspace_id, upload.name}));
    JOEY_ASSIGN_OR_RETURN(
        version_id,
        connection.Insert(
            "INSERT INTO model_version(model_id, version, sha, size_bytes, file_name, framework, "
            "arch, visibility, status, status_text, signature_json, created_at, updated_at) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?11, '', ?9, ?10, ?10)",
            {model_id, NewUuid(), pending->sha(), pending->size_bytes(), file_name,
             upload.framework, upload.arch, upload.visibility, signature_json, now,
             !framework->in_workers() ? kReady
             : framework->converts    ? kPendingNative
                                      : kPendingContainer}));
    ModelConfig config;
    config.model_version_id = version_id;
    config.runtime = framework->in_workers() ? "flight" : framework->runtime;
    config.input_schema = upload.input_schema;
    config.output_schema = upload.output_schema;
    return InsertModelConfig(connection, config).status();
  }));
  if (framework->in_workers()) {
    if (on_unready_) on_unready_(version_id);
  } else if (on_runtime_) {
    on_runtime_(framework->runtime);
  }
  return version_id;
}

Result<std::vector<ModelRecord>> Models::List(std::int64_t workspace_id) {
  std::vector<ModelRecord> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, workspace_id));
    return LoadModels(connection, "WHERE m.workspace_id = ? ORDER BY m.id DESC", {workspace_id},
                      out);
  }));
  return out;
}

Result<ModelRecord> Models::Get(std::int64_t model_id) {
  std::vector<ModelRecord> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadModels(connection, "WHERE m.id = ?", {model_id}, out);
  }));
  if (out.empty()) {
    return NoSuchId("model", model_id, "list the models with /v1/api/models/list");
  }
  return std::move(out.front());
}

Result<std::vector<ModelVersion>> Models::Versions(std::int64_t model_id) {
  std::vector<ModelVersion> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadModelVersions(connection, "WHERE v.model_id = ? ORDER BY v.id DESC", {model_id},
                             out);
  }));
  return out;
}

Result<std::vector<ModelVersion>> Models::NewestVersions(std::optional<std::int64_t> workspace_id,
                                                         const Viewer& viewer) {
  std::vector<ModelVersion> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadModelVersions(
        connection,
        "WHERE (?1 IS NULL OR m.workspace_id = ?1) AND " + SeenBy("m.workspace_id", 2) +
            " AND v.id = (SELECT max(id) FROM model_version WHERE model_id = m.id) ORDER BY m.id",
        {workspace_id, viewer}, out);
  }));
  return out;
}

Result<ModelVersion> Models::GetVersion(std::int64_t version_id) {
  Result<ModelVersion> out = Status();
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    out = LoadModelVersion(connection, version_id);
    return out.status();
  }));
  return out;
}

Result<ModelVersion> Models::FindVersion(std::string_view name, std::string_view version,
                                         const Viewer& viewer) {
  std::vector<ModelVersion> found;
  std::vector<std::string> names;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(LoadModelVersions(
        connection, "WHERE v.version = ?1 AND m.name = ?2 AND " + SeenBy("m.workspace_id", 3),
        {version, name, viewer}, found));
    if (!found.empty()) return {};
    return connection.Query("SELECT DISTINCT name FROM model WHERE " + SeenBy("workspace_id", 1),
                            {viewer}, [&](const SqlRow& row) { names.push_back(row.Text(0)); });
  }));
  if (!found.empty()) return std::move(found.front());
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return NotFound(fmt::format("the model {} has no version {}", Quoted(name), Quoted(version)),
                    "list its versions with /v1/api/models/get");
  }
  return NoSuchName("model", name, names, "list the models with /v1/api/models/list");
}

Result<std::optional<ModelConfig>> Models::NewestConfig(std::int64_t version_id) {
  std::vector<ModelConfig> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(LoadModelVersion(connection, version_id).status());
    return LoadModelConfigs(connection, "WHERE model_version_id = ? ORDER BY id DESC LIMIT 1",
                            {version_id}, out);
  }));
  if (out.empty()) return std::optional<ModelConfig>();
  return std::optional<ModelConfig>(std::move(out.front()));
}

Result<ModelConfig> Models::GetConfig(std::int64_t config_id) {
  std::vector<ModelConfig> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadModelConfigs(connection, "WHERE id = ?", {config_id}, out);
  }));
  if (out.empty()) {
    return NoSuchId("model configuration", config_id,
                    "make one with /v1/api/models/insert_model_config");
  }
  return std::move(out.front());
}

Result<ModelConfig> Models::InsertConfig(const NewModelConfig& request) {
  JOEY_RETURN_IF_ERROR(CheckSchema("input_schema", request.input_schema));
  JOEY_RETURN_IF_ERROR(CheckSchema("output_schema", request.output_schema));
  if (request.batch_config && *request.batch_config != "single") {
    return InvalidArgument("batch_config cannot be " + Quoted(*request.batch_config),
                           "use null for any number of rows, or 'single' for exactly one");
  }
  ModelConfig config;
  config.model_version_id = request.model_version_id;
  config.tensor_fields = request.tensor_fields;
  config.filter_threshold = request.filter_threshold;
  config.input_schema = request.input_schema;
  config.output_schema = request.output_schema;
  config.batch_config = request.batch_config;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const ModelVersion version,
                          LoadModelVersion(connection, request.model_version_id));
    JOEY_ASSIGN_OR_RETURN(const FrameworkInfo* framework, FindFramework(version.framework));
    if (framework->in_workers()) {
      JOEY_RETURN_IF_ERROR(TakeOver(connection, config));
    } else {
      config.runtime = framework->runtime;
    }
    if (config.tensor_fields) {
      JOEY_RETURN_IF_ERROR(CheckTensorFields(version, *config.tensor_fields));
    }
    JOEY_ASSIGN_OR_RETURN(config.id, InsertModelConfig(connection, config));
    return {};
  }));
  return config;
}

}  // namespace joey::control
