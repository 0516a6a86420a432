#include "control/models.h"

#include <set>
#include <thread>

#include "control/control_test_support.h"
#include "control/names.h"

namespace joey::control {
namespace {

using ModelsTest = ControlTest;

TEST(Names, Rules) {
  for (const char* good : {"a", "ccfraud", "house-price-2", "x1"}) {
    EXPECT_TRUE(CheckName("model", good).ok()) << good;
  }
  EXPECT_TRUE(CheckName("model", std::string(63, 'a')).ok());
  const std::string right_to_left =
      "\xe2\x80\xae"
      "abc";
  for (const std::string& bad :
       {std::string(), std::string("Ccfraud"), std::string("1a"), std::string("-a"),
        std::string("a-"), std::string("a_b"), std::string("a.b"), std::string("../x"),
        std::string("%2e%2e"), std::string("a b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string(64, 'a'), std::string(10000, 'a'), std::string("cc\xd1\x84raud"),
        right_to_left}) {
    EXPECT_EQ(CheckName("model", bad).code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_EQ(CheckName("model", "My_Model.v2").hint(), "use for example 'my-model-v2'");
  EXPECT_TRUE(CheckWorkspaceName("My-Workspace-1").ok());
  EXPECT_FALSE(CheckWorkspaceName("my_workspace").ok());
  EXPECT_FALSE(CheckWorkspaceName("").ok());
}

TEST(Names, FileNamesAreForDisplayOnly) {
  EXPECT_EQ(DisplayFileName("model.onnx"), "model.onnx");
  EXPECT_EQ(DisplayFileName("../../etc/passwd"), "passwd");
  EXPECT_EQ(DisplayFileName("C:\\models\\m.onnx"), "m.onnx");
  EXPECT_EQ(DisplayFileName("a\r\nb\0c"), "ab");
  EXPECT_EQ(DisplayFileName(std::string(1000, 'a')).size(), 255u);
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\xc3\xa4";
  EXPECT_EQ(DisplayFileName(wide).size(), 254u);
}

TEST_F(ModelsTest, UploadMakesVersionWithSignatureAndConfig) {
  auto id = Upload("ccfraud", SmallOnnx());
  ASSERT_TRUE(id.ok()) << id.status().ToString();
  const ModelVersion version = *models_->GetVersion(*id);
  EXPECT_EQ(version.name, "ccfraud");
  EXPECT_EQ(version.file_name, "ccfraud.onnx");
  EXPECT_EQ(version.status, "ready");
  EXPECT_EQ(version.signature.inputs.at(0).name, "x0");
  EXPECT_EQ(version.signature.inputs.at(0).shape, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_TRUE(files_->Find(version.sha).ok());
  auto config = models_->NewestConfig(*id);
  ASSERT_TRUE(config.ok() && config->has_value());
  EXPECT_FALSE((*config)->tensor_fields.has_value());
}

TEST_F(ModelsTest, SameNameIsANewVersionAndSameContentOneFile) {
  ASSERT_TRUE(Upload("m", SmallOnnx(1, "a")).ok());
  ASSERT_TRUE(Upload("m", SmallOnnx(1, "b")).ok());
  ASSERT_TRUE(Upload("m", SmallOnnx(1, "a")).ok());
  const auto models = *models_->List(workspace_);
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].versions, 3);
  const auto versions = *models_->Versions(models[0].id);
  ASSERT_EQ(versions.size(), 3u);
  EXPECT_GT(versions[0].id, versions[1].id);
  EXPECT_EQ(FilesBelow(directory_ + "/models"), 2);
}

TEST_F(ModelsTest, ConcurrentUploadsOfOneNameAreAllKept) {
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string path = directory_ + "/body" + std::to_string(t);
      const std::string content = SmallOnnx(1, std::to_string(t % 3));
      if (!WriteFileAtomically(path, content).ok()) ++failed;
      for (int i = 0; i < 25; ++i) {
        if (!models_->Upload(UploadOf("busy"), {path, 0, static_cast<std::int64_t>(content.size())})
                 .ok()) {
          ++failed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  const auto models = *models_->List(workspace_);
  ASSERT_EQ(models.size(), 1u);
  std::set<std::string> uuids;
  const auto versions = *models_->Versions(models[0].id);
  for (const ModelVersion& version : versions) {
    uuids.insert(version.version);
  }
  EXPECT_EQ(uuids.size(), 200u);
  EXPECT_EQ(FilesBelow(directory_ + "/models"), 3);
}

TEST_F(ModelsTest, RefusedUploadsLeaveNothing) {
  EXPECT_EQ(Upload("m", "no model").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Upload("M", SmallOnnx()).status().code(), Code::kInvalidArgument);
  ModelUpload other = UploadOf("m");
  other.framework = "mlflow";
  EXPECT_EQ(models_->CheckUpload(other).code(), Code::kUnimplemented);
  EXPECT_NE(models_->CheckUpload(other).message().find("'mlflow'"), std::string::npos);
  other.framework = "sklearn";
  EXPECT_NE(models_->CheckUpload(other).message().find("needs input_schema"), std::string::npos);
  other.framework = "pytorhc";
  EXPECT_EQ(models_->CheckUpload(other).hint(), "did you mean 'pytorch'?");
  other = UploadOf("m");
  other.workspace_id = 77;
  EXPECT_EQ(models_->CheckUpload(other).code(), Code::kNotFound);
  other = UploadOf("m");
  other.arch = "sparc";
  EXPECT_EQ(models_->CheckUpload(other).code(), Code::kInvalidArgument);
  other = UploadOf("m");
  other.input_schema = "not base64!";
  EXPECT_EQ(models_->CheckUpload(other).code(), Code::kInvalidArgument);
  EXPECT_TRUE(models_->List(workspace_)->empty());
  EXPECT_EQ(FilesBelow(directory_ + "/models"), 0);
}

TEST_F(ModelsTest, ConfigurationsAreChecked) {
  const std::int64_t id = *Upload("multi", SmallOnnx(2));
  const auto insert = [&](std::optional<std::vector<std::string>> fields,
                          std::optional<std::string> batch = std::nullopt) {
    NewModelConfig config;
    config.model_version_id = id;
    config.tensor_fields = std::move(fields);
    config.batch_config = std::move(batch);
    return models_->InsertConfig(config);
  };
  const auto one = insert({{"only"}});
  EXPECT_EQ(one.status().code(), Code::kInvalidArgument);
  EXPECT_NE(one.status().message().find("2 inputs: x0, x1"), std::string::npos)
      << one.status().ToString();
  EXPECT_FALSE(insert({{"a", "a"}}).ok());
  EXPECT_FALSE(insert({{"a", ""}}).ok());
  EXPECT_FALSE(insert(std::nullopt, "double").ok());
  auto good = insert({{"a", "b"}}, "single");
  ASSERT_TRUE(good.ok()) << good.status().ToString();
  EXPECT_EQ((*models_->NewestConfig(id))->id, good->id);
  EXPECT_EQ(*models_->GetConfig(good->id)->tensor_fields, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*models_->GetConfig(good->id)->batch_config, "single");
}

TEST_F(ModelsTest, UnknownNamesGetCandidates) {
  const std::int64_t id = *Upload("ccfraud", SmallOnnx());
  const ModelVersion version = *models_->GetVersion(id);
  EXPECT_EQ(models_->FindVersion("ccfraud", version.version, Viewer())->id, id);
  const auto wrong = models_->FindVersion("ccfruad", version.version, Viewer());
  EXPECT_EQ(wrong.status().code(), Code::kNotFound);
  EXPECT_EQ(wrong.status().hint(), "did you mean 'ccfraud'?");
  EXPECT_EQ(models_->FindVersion("ccfraud", "x", Viewer()).status().code(), Code::kNotFound);
  EXPECT_EQ(models_->Get(99).status().code(), Code::kNotFound);
  EXPECT_EQ(models_->GetVersion(99).status().code(), Code::kNotFound);
  EXPECT_EQ(models_->GetConfig(99).status().code(), Code::kNotFound);
  EXPECT_EQ(models_->NewestConfig(99).status().code(), Code::kNotFound);
}

TEST_F(ModelsTest, EverythingIsThereAfterARestart) {
  const std::int64_t id = *Upload("ccfraud", SmallOnnx());
  Stop();
  Start();
  EXPECT_EQ(models_->GetVersion(id)->name, "ccfraud");
  EXPECT_EQ(workspaces_->Default(kDefaultUserId, kDefaultUserEmail)->id, workspace_);
}

}  // namespace
}  // namespace joey::control
