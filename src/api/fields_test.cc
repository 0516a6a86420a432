#include "api/fields.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/documents.h"
#include "api/endpoint.h"
#include "base/limits.h"
#include "store/database.h"
#include "store/schema.h"

namespace joey::api {
namespace {

using nlohmann::json;

const Fields kFields = {{"id", Type::kInteger},
                        {"name", Type::kText, Presence::kNullable},
                        {"size", Type::kNumber, Presence::kOptional},
                        {"names", Type::kTexts, Presence::kOptional}};

std::string ErrorOf(const char* text) {
  const Status status = CheckFields(json::parse(text), kFields);
  return status.ok() ? "ok" : status.message();
}

TEST(Fields, NamesTheKeyAndWhatWasExpected) {
  EXPECT_EQ(ErrorOf(R"({"id": 1, "name": null})"), "ok");
  EXPECT_EQ(ErrorOf(R"({"id": 1, "name": "a", "size": null, "more": 1})"), "ok");
  EXPECT_EQ(ErrorOf(R"({"name": "a"})"), "'id' is missing");
  EXPECT_EQ(ErrorOf(R"({"id": 1})"), "'name' is missing");
  EXPECT_EQ(ErrorOf(R"({"id": "1", "name": "a"})"), "'id' is a text, an integer was expected");
  EXPECT_EQ(ErrorOf(R"({"id": null, "name": "a"})"), "'id' is null, an integer was expected");
  EXPECT_EQ(ErrorOf(R"({"id": 1.0, "name": "a"})"),
            "'id' is a number with a fraction, an integer was expected");
  EXPECT_EQ(ErrorOf(R"({"id": true, "name": "a"})"), "'id' is a boolean, an integer was expected");
  EXPECT_EQ(ErrorOf(R"({"id": 18446744073709551615, "name": "a"})"),
            "'id' is a number, an integer was expected");
  EXPECT_EQ(ErrorOf(R"({"id": 1, "name": "a", "names": ["a", 1]})"),
            "'names' is a list, a list of texts was expected");
  EXPECT_EQ(ErrorOf("[]"), "the body is a list, an object was expected");
}

TEST(Fields, SchemaSaysTheSame) {
  const json schema = SchemaOf(kFields);
  EXPECT_EQ(schema["required"], json({"id", "name"}));
  EXPECT_EQ(schema["properties"]["id"]["type"], "integer");
  EXPECT_EQ(schema["properties"]["name"]["anyOf"][1]["type"], "null");
}

TEST(Body, OnlySensibleJsonObjects) {
  EXPECT_TRUE(ParseBody("")->empty());
  EXPECT_TRUE(ParseBody(" \r\n")->empty());
  EXPECT_EQ((*ParseBody(R"({"a": 1})"))["a"], 1);
  for (const std::string& body :
       {std::string("[1]"), std::string("3"), std::string("{\"a\": }"), std::string("{\"a\": 1}}"),
        std::string("{\"a\": \"\xff\"}"), std::string("{\"a\": 1e999}"), std::string("{'a': 1}"),
        std::string("{\"a\": NaN}"), std::string("\0", 1)}) {
    EXPECT_EQ(ParseBody(body).status().code(), Code::kInvalidArgument) << body;
  }
}

TEST(Body, DeepNestingIsRefusedBeforeParsing) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseBody("{\"a\": " + nested(limits::kControlJsonDepthMax - 1) + "}").ok());
  EXPECT_FALSE(ParseBody("{\"a\": " + nested(limits::kControlJsonDepthMax) + "}").ok());
  EXPECT_FALSE(ParseBody(std::string(100000, '[')).ok());
  EXPECT_FALSE(ParseBody("{\"a\": " + nested(1000000) + "}").ok());
  // Brackets inside texts do not count.
  EXPECT_TRUE(ParseBody("{\"a\": \"" + std::string(1000, '[') + "\\\"" + "\"}").ok());
}

TEST(Answer, ThrowingHandlersAreInternalErrors) {
  Endpoint endpoint{
      .path = "/x", .access = Access::Anybody(), .handler = [](const Call& call) -> Result<json> {
        return json{{"id", call.Integer("missing")}};
      }};
  const std::string path = testing::TempDir() + "/joey-answer-test.db";
  auto database = Database::Open(path, MetadataMigrations());
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  control::AccessControl access(**database);
  http::Request request;
  request.body = http::Body("{}");
  const http::Response response = Answer(endpoint, request, control::User(), access);
  database->reset();
  for (const char* ending : {"", "-wal", "-shm"}) std::remove((path + ending).c_str());
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(json::parse(response.body)["error"], "internal");
}

TEST(Documents, EveryReferencedDocumentIsDescribed) {
  for (const auto& [name, fields] : DocumentFields()) {
    for (const Field& field : fields) {
      if (field.type != Type::kDocument && field.type != Type::kDocuments) continue;
      EXPECT_TRUE(DocumentFields().contains(field.document)) << name << "." << field.name;
    }
  }
}

TEST(Documents, BuildersHoldWhatTheDocumentsPromise) {
  const auto check = [](const char* name, const json& document) {
    const Status status = CheckFields(document, DocumentFields().at(name));
    EXPECT_TRUE(status.ok()) << name << ": " << status.ToString();
  };
  control::Workspace workspace;
  workspace.users = {{"id", "email", "OWNER"}};
  check("workspace", ToJson(workspace));
  check("user", ToJson(workspace.users[0]));
  check("model", ToJson(control::ModelRecord()));
  control::ModelVersion version;
  version.signature.inputs = {{"x", "float32", {-1, 3}}};
  check("model_version", ToJson(version));
  check("field", ToJson(version)["inputs"][0]);
  check("model_config", ToJson(control::ModelConfig()));
  control::Pipeline pipeline;
  pipeline.versions.emplace_back().definition = "{}";
  pipeline.deployment.emplace().engine_config = "{}";
  check("pipeline", ToJson(pipeline));
  check("pipeline_version", ToJson(pipeline.versions[0]));
  check("deployment", ToJson(*pipeline.deployment));
  check("error", json::parse(http::ErrorResponse(NotFound("x")).body));
}

}  // namespace
}  // namespace joey::api
