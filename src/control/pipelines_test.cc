#include "control/pipelines.h"

#include "control/control_test_support.h"

namespace joey::control {
namespace {

using nlohmann::json;

class PipelinesTest : public ControlTest {};

json Model(const char* name) {
  return {{"name", name},
          {"version", "6dbe5524-7bc3-4ff3-8ca8-d454b2cbd0e4"},
          {"sha", std::string(64, 'a')}};
}

json Inference(std::vector<json> models) { return {{"ModelInference", {{"models", models}}}}; }

TEST_F(PipelinesTest, ModelNamesInADefinitionAreChecked) {
  const json definition = {{"steps", json::array({Inference({Model("A_b")})})}};
  const auto created = pipelines_->Create(workspace_, "p", definition, kDefaultUserId);
  EXPECT_NE(created.status().ToString().find("no model name"), std::string::npos);
}

TEST_F(PipelinesTest, SameNameIsANewVersion) {
  const auto first = CreatePipeline("ccfraud", {});
  const auto second = CreatePipeline("ccfraud", {Inference({Model("a")})});
  EXPECT_EQ(first.pipeline_id, second.pipeline_id);
  EXPECT_NE(first.version, second.version);
  const Pipeline pipeline = *pipelines_->Get(first.pipeline_id);
  ASSERT_EQ(pipeline.versions.size(), 2u);
  EXPECT_EQ(pipeline.versions[0].version, second.version);
  EXPECT_FALSE(pipeline.deployment.has_value());
  EXPECT_EQ(pipelines_->GetVersion(first.version)->id, first.version_id);
  EXPECT_EQ(TopicName(pipeline), "workspace-" + std::to_string(workspace_) + "-pipeline-ccfraud-1");
}

TEST_F(PipelinesTest, ListAndFindNewestFirst) {
  const std::int64_t other = *workspaces_->Create("other", kDefaultUserId);
  CreatePipeline("one", {});
  CreatePipeline("two", {});
  ASSERT_TRUE(pipelines_->Create(other, "one", json::object(), kDefaultUserId).ok());
  EXPECT_EQ(pipelines_->List(std::nullopt, Viewer())->size(), 3u);
  EXPECT_EQ(pipelines_->List(workspace_, Viewer())->front().name, "two");
  EXPECT_EQ(pipelines_->Find("one", std::nullopt, Viewer())->size(), 2u);
  EXPECT_EQ(pipelines_->Find("one", std::nullopt, Viewer())->front().workspace_id, other);
  EXPECT_EQ(pipelines_->Find("one", workspace_, Viewer())->size(), 1u);
  EXPECT_EQ(pipelines_->Find("oen", std::nullopt, Viewer()).status().hint(), "did you mean 'one'?");
  EXPECT_EQ(pipelines_->List(99, Viewer()).status().code(), Code::kNotFound);
  EXPECT_EQ(pipelines_->Get(99).status().code(), Code::kNotFound);
  EXPECT_EQ(pipelines_->GetVersion("nope").status().code(), Code::kNotFound);
  EXPECT_EQ(
      pipelines_->Create(workspace_, "No_Name", json::object(), kDefaultUserId).status().code(),
      Code::kInvalidArgument);
  EXPECT_EQ(pipelines_->Create(99, "name", json::object(), kDefaultUserId).status().code(),
            Code::kNotFound);
}

}  // namespace
}  // namespace joey::control
