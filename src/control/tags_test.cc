#include "control/tags.h"

#include "control/control_test_support.h"

namespace joey::control {
namespace {

using TagsTest = ControlTest;

TEST_F(TagsTest, ListedWhileOnSomething) {
  const Tag tag = *tags_->Create("My Great Tag", kDefaultUserId);
  EXPECT_EQ(tags_->Create("My Great Tag", kDefaultUserId)->id, tag.id);
  EXPECT_TRUE(tags_->List(Viewer())->empty());
  const std::int64_t version = *Upload("m", SmallOnnx());
  const auto pipeline = CreatePipeline("p", {});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(tags_->AddToModelVersion(tag.id, version).ok());
    ASSERT_TRUE(tags_->AddToPipeline(tag.id, pipeline.pipeline_id).ok());
  }
  const Tag other = *tags_->Create("other", kDefaultUserId);
  ASSERT_TRUE(tags_->AddToPipeline(other.id, pipeline.pipeline_id).ok());
  const auto uses = *tags_->List(Viewer());
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].tag.text, "other");
  ASSERT_EQ(uses[1].model_versions.size(), 1u);
  EXPECT_EQ(uses[1].model_versions[0].id, version);
  ASSERT_EQ(uses[1].pipelines.size(), 1u);
  EXPECT_EQ(uses[1].pipelines[0].tags.size(), 2u);
  const TagUse one = *tags_->Get(tag.id, Viewer());
  EXPECT_EQ(one.pipelines.size(), 1u);
  EXPECT_EQ(one.model_versions.size(), 1u);
  EXPECT_EQ(models_->GetVersion(version)->tags[0].text, "My Great Tag");
  ASSERT_TRUE(tags_->RemoveFromModelVersion(tag.id, version).ok());
  ASSERT_TRUE(tags_->RemoveFromPipeline(tag.id, pipeline.pipeline_id).ok());
  EXPECT_EQ(tags_->List(Viewer())->size(), 1u);
  EXPECT_EQ(tags_->Get(99, Viewer()).status().code(), Code::kNotFound);
}

TEST_F(TagsTest, TextsAreChecked) {
  for (const std::string& text : {std::string(), std::string("  "), std::string("a\nb"),
                                  std::string(256, 'x'), std::string("\xff")}) {
    EXPECT_EQ(tags_->Create(text, kDefaultUserId).status().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(tags_->Create("\xc3\xbc <b> \xd8\xb9", kDefaultUserId).ok());
}

TEST_F(TagsTest, SearchModels) {
  const std::int64_t first = *Upload("fraud", SmallOnnx(1, "a"));
  const std::int64_t second = *Upload("fraud", SmallOnnx(1, "b"));
  const std::int64_t other = *Upload("house", SmallOnnx(1, "c"));
  const Tag tag = *tags_->Create("50%_off\\", kDefaultUserId);
  ASSERT_TRUE(tags_->AddToModelVersion(tag.id, first).ok());
  const auto found = [&](const ModelSearch& search) {
    std::vector<std::int64_t> ids;
    const auto versions = tags_->SearchModels(search, Viewer());
    EXPECT_TRUE(versions.ok()) << versions.status().ToString();
    for (const ModelVersion& version : *versions) ids.push_back(version.id);
    return ids;
  };
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(found({}), (Ids{other, second, first}));
  EXPECT_EQ(found({"FRAU", {}, {}}), (Ids{second, first}));
  EXPECT_EQ(found({"house.onnx", {}, {}}), Ids{other});
  EXPECT_EQ(found({models_->GetVersion(second)->version, {}, {}}), Ids{second});
  EXPECT_EQ(found({"%_", {}, {}}), Ids{first});
  EXPECT_EQ(found({"\\", {}, {}}), Ids{first});
  EXPECT_EQ(found({"f%d", {}, {}}), Ids{});
  EXPECT_EQ(found({"' OR 1=1 --", {}, {}}), Ids{});
  EXPECT_EQ(found({"", "nobody", {}}), Ids{});
  const std::int64_t time = models_->GetVersion(second)->created_at;
  EXPECT_EQ(found({"", {}, {time, {}}}), (Ids{other, second}));
  EXPECT_EQ(found({"", {}, {{}, time}}), (Ids{second, first}));
  EXPECT_EQ(tags_->SearchModels({std::string(300, 'x'), {}, {}}, Viewer()).status().code(),
            Code::kInvalidArgument);
}

TEST_F(TagsTest, SearchPipelines) {
  const std::int64_t version = *Upload("m", SmallOnnx());
  const auto one = CreatePipeline("one", {StepOf(version)});
  const auto two = CreatePipeline("two", {StepOf(version)});
  const auto again = CreatePipeline("one", {StepOf(version)});
  const Tag tag = *tags_->Create("My Great Tag", kDefaultUserId);
  ASSERT_TRUE(tags_->AddToPipeline(tag.id, one.pipeline_id).ok());
  ASSERT_TRUE(Deploy("two", two).ok());
  const auto found = [&](const PipelineSearch& search) {
    std::vector<std::int64_t> ids;
    const auto pipelines = tags_->SearchPipelines(search, Viewer());
    EXPECT_TRUE(pipelines.ok()) << pipelines.status().ToString();
    for (const Pipeline& pipeline : *pipelines) {
      for (const PipelineVersion& found : pipeline.versions) ids.push_back(found.id);
    }
    return ids;
  };
  using Ids = std::vector<std::int64_t>;
  const Ids ones = {again.version_id, one.version_id};
  EXPECT_EQ(found({"great", {}, {}, {}}), ones);
  EXPECT_EQ(found({"One", {}, {}, {}}), ones);
  EXPECT_EQ(found({one.version, {}, {}, {}}), Ids{one.version_id});
  EXPECT_EQ(found({"", true, {}, {}}), Ids{two.version_id});
  EXPECT_EQ(found({"", false, {}, {}}), ones);
  const std::int64_t time = pipelines_->GetVersion(again.version)->created_at;
  EXPECT_EQ(found({"one", {}, {time, {}}, {}}), Ids{again.version_id});
  EXPECT_EQ(found({"one", {}, {{}, time - 1}, {}}), Ids{one.version_id});
  EXPECT_EQ(found({"nothing", {}, {}, {}}), Ids{});
}

}  // namespace
}  // namespace joey::control
