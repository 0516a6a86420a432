#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/documents.h"
#include "api/multipart.h"
#include "api/resources.h"
#include "base/files.h"
#include "base/limits.h"

namespace joey::api {

using nlohmann::json;

namespace {

constexpr Presence kOptional = Presence::kOptional;

const Fields kMetadata = {{"name", Type::kText},
                          {"workspace_id", Type::kInteger},
                          {"visibility", Type::kText, kOptional},
                          {"conversion", Type::kObject},
                          {"input_schema", Type::kText, kOptional},
                          {"output_schema", Type::kText, kOptional}};

const Fields kConversion = {{"framework", Type::kText},
                            {"arch", Type::kText, kOptional},
                            {"python_version", Type::kText, kOptional},
                            {"requirements", Type::kTexts, kOptional}};

const FormPart* FindPart(const std::vector<FormPart>& parts, std::string_view name) {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [&](const FormPart& part) { return part.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

const Access kAccess = Access::MembersByHandler({{control::Resource::kWorkspace, "workspace_id"}});

Result<control::ModelUpload> ReadMetadata(const FormPart& part, control::AccessControl& access,
                                          const control::User& user) {
  if (part.content.size() > limits::kUploadMetadataBytesMax) {
    return Status(Code::kPayloadTooLarge, fmt::format("the part 'metadata' is larger than {} bytes",
                                                      limits::kUploadMetadataBytesMax));
  }
  const auto checked = [&]() -> Result<json> {
    JOEY_ASSIGN_OR_RETURN(json document, ParseBody(part.content));
    JOEY_RETURN_IF_ERROR(CheckFields(document, kMetadata));
    JOEY_RETURN_IF_ERROR(CheckFields(document.at("conversion"), kConversion));
    return document;
  }();
  if (!checked.ok()) return checked.status().WithContext("metadata");
  JOEY_RETURN_IF_ERROR(kAccess.CheckDocument(access, user, *checked));
  const Call metadata(*checked, user);
  const Call conversion(checked->at("conversion"), user);
  control::ModelUpload upload;
  upload.workspace_id = metadata.Integer("workspace_id");
  upload.name = metadata.Text("name");
  upload.visibility = metadata.Optional<std::string>("visibility").value_or("private");
  upload.framework = conversion.Text("framework");
  upload.arch = conversion.Optional<std::string>("arch").value_or("");
  upload.input_schema = metadata.Optional<std::string>("input_schema");
  upload.output_schema = metadata.Optional<std::string>("output_schema");
  upload.owner_id = user.id;
  return upload;
}

Result<std::int64_t> Upload(const Services& services, const http::Request& request,
                            const control::User& user) {
  JOEY_ASSIGN_OR_RETURN(const std::string boundary, BoundaryOf(request.Header("Content-Type")));
  JOEY_ASSIGN_OR_RETURN(const MappedFile body, MappedFile::Open(request.body_file));
  JOEY_ASSIGN_OR_RETURN(const std::vector<FormPart> parts, ParseMultipart(body.bytes(), boundary));
  const FormPart* metadata = FindPart(parts, "metadata");
  if (metadata == nullptr) {
    return InvalidArgument("the part 'metadata' is missing",
                           "send the parts 'metadata' (JSON) and 'file'");
  }
  JOEY_ASSIGN_OR_RETURN(control::ModelUpload upload,
                        ReadMetadata(*metadata, services.access, user));
  JOEY_RETURN_IF_ERROR(services.models.CheckUpload(upload));
  const FormPart* file = FindPart(parts, "file");
  if (file == nullptr) {
    return InvalidArgument("the part 'file' is missing", "send the model file as the part 'file'");
  }
  upload.file_name = file->file_name.value_or(upload.name);
  return services.models.Upload(upload, {request.body_file, static_cast<std::int64_t>(file->offset),
                                         static_cast<std::int64_t>(file->content.size())});
}

}  // namespace

Endpoints UploadEndpoints(const Services& services, const std::string& spool_directory) {
  Endpoints out;
  for (const auto& [path, status, summary] :
       {std::tuple("/v1/api/models/upload", 200, "Uploads a model file; the id of its version"),
        std::tuple("/v1/api/models/upload_and_convert", 202,
                   "Uploads a model file that may need conversion; the id of its version")}) {
    const auto handler = [services, good = status](http::Request& request,
                                                   const control::User& user) {
      const Result<std::int64_t> id = Upload(services, request, user);
      if (!id.ok()) return http::ErrorResponse(id.status());
      const json version = {{"id", *id}};
      const json model = {{"models", json::array({version})}};
      const json answer = {{"insert_models", {{"returning", json::array({model})}}}};
      return http::Response::Json(answer.dump(), good);
    };
    out.push_back({.path = path,
                   .access = kAccess,
                   .family = "models",
                   .summary = summary,
                   .request = {{"metadata", Type::kObject}, {"file", Type::kText}},
                   .response = {{"insert_models", Type::kObject}},
                   .status = status,
                   .raw = handler,
                   .content_type = "multipart/form-data",
                   .spool_directory = spool_directory,
                   .body_bytes_max = limits::kModelBytesMax});
  }
  return out;
}

}  // namespace joey::api
