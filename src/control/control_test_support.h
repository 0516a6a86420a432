// What the tests of the control plane share: a data directory, a small ONNX file, and a Deployer
// that only remembers.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/files.h"
#include "control/connections.h"
#include "control/deployments.h"
#include "control/models.h"
#include "control/pipelines.h"
#include "control/tags.h"
#include "control/workspaces.h"
#include "store/database.h"
#include "store/model_files.h"
#include "store/schema.h"
#include "store/secrets.h"
#include "store/store_test_support.h"

namespace joey::control {

// A valid ONNX file: `inputs` float inputs "x0" …, one output; `salt` makes files differ.
inline std::string SmallOnnx(int inputs = 1, const std::string& salt = "",
                             const std::string& output = "y") {
  const auto bytes = [](int field, const std::string& value) {
    std::string out(1, static_cast<char>(field << 3 | 2));
    std::size_t size = value.size();
    for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
    return out + static_cast<char>(size) + value;
  };
  const auto number = [](int field, int value) {
    return std::string(1, static_cast<char>(field << 3)) + static_cast<char>(value);
  };
  const auto value = [&](const std::string& name) {
    const std::string shape = bytes(1, bytes(2, "batch")) + bytes(1, number(1, 3));
    return bytes(1, name) + bytes(2, bytes(1, number(1, 1) + bytes(2, shape)));
  };
  std::string graph = bytes(1, bytes(1, "x0") + bytes(2, output) + bytes(4, "Identity"));
  for (int i = 0; i < inputs; ++i) graph += bytes(11, value("x" + std::to_string(i)));
  graph += bytes(12, value(output));
  return number(1, 8) + bytes(2, "test" + salt) + bytes(8, number(2, 17)) + bytes(7, graph);
}

class RecordingDeployer : public deploy::Deployer {
 public:
  Status Apply(deploy::DeploymentSpec spec) override {
    std::lock_guard lock(mutex_);
    if (!refuse.ok()) return refuse;
    specs[spec.id] = std::move(spec);
    return {};
  }
  Status Remove(std::int64_t id) override {
    std::lock_guard lock(mutex_);
    specs.erase(id);
    return {};
  }
  std::optional<deploy::DeploymentStatus> GetStatus(std::int64_t id) const override {
    std::lock_guard lock(mutex_);
    const auto found = specs.find(id);
    if (found == specs.end()) return std::nullopt;
    deploy::DeploymentStatus status;
    status.pipeline_name = found->second.pipeline_name;
    status.document = found->second.document;
    status.phase = deploy::Phase::kRunning;
    for (int i = 0; i < found->second.replicas; ++i) {
      status.replicas.push_back(
          {"engine-" + std::to_string(i), "127.0.0.1", deploy::Phase::kRunning, "", {}});
    }
    return status;
  }
  std::shared_ptr<const deploy::Route> FindRoute(std::string_view) const override {
    return nullptr;
  }
  void Shutdown() override {}
  deploy::MachineResources resources() const override { return {4.0, std::int64_t{8} << 30}; }

  std::map<std::int64_t, deploy::DeploymentSpec> specs;
  Status refuse;  // what Apply() answers instead

 private:
  mutable std::mutex mutex_;
};

class ControlTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-control-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    metadata_ = TestMetadata(directory_);
    Start();
    workspace_ = workspaces_->Default(kDefaultUserId, kDefaultUserEmail)->id;
  }
  void TearDown() override {
    Stop();
    DropTestMetadata(metadata_);
    std::filesystem::remove_all(directory_);
  }

  // Opens everything anew, as the next start of joey serve does.
  void Start() {
    database_ = std::move(Database::Open(metadata_, MetadataMigrations()).value());
    files_ = std::move(ModelFiles::Open(directory_ + "/models").value());
    deployer_ = std::make_unique<RecordingDeployer>();
    workspaces_ = std::make_unique<Workspaces>(*database_);
    ASSERT_TRUE(workspaces_->EnsureDefaultUser().ok());
    secrets_ = std::make_unique<Secrets>(*Secrets::Open(*database_, directory_ + "/key"));
    connections_ = std::make_unique<Connections>(*database_, *secrets_);
    tags_ = std::make_unique<Tags>(*database_);
    models_ = std::make_unique<Models>(*database_, *files_);
    pipelines_ = std::make_unique<Pipelines>(*database_);
    deployments_ = std::make_unique<Deployments>(
        *database_, *files_, *deployer_,
        EngineSettings{"anomaly", directory_ + "/run/address", "token"});
  }
  void Stop() {
    deployments_.reset();
    pipelines_.reset();
    models_.reset();
    workspaces_.reset();
    tags_.reset();
    connections_.reset();
    secrets_.reset();
    files_.reset();
    database_.reset();
  }

  static User MakeUser(int number, const std::string& email) {
    return {"00000000-0000-0000-0000-00000000010" + std::to_string(number), email, "", email,
            false};
  }

  void AddUserRow(const User& user) {
    const Status status = database_->Write([&](Connection& connection) {
      return connection
          .Run("INSERT INTO user(id, email, username, created_at) VALUES (?1, ?2, ?2, 1)",
               {user.id, user.email})
          .status();
    });
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  ModelUpload UploadOf(const std::string& name) {
    ModelUpload upload;
    upload.workspace_id = workspace_;
    upload.name = name;
    upload.visibility = "private";
    upload.framework = "onnx";
    upload.file_name = "C:\\models\\" + name + ".onnx";
    upload.owner_id = kDefaultUserId;
    return upload;
  }

  Result<std::int64_t> Upload(const std::string& name, const std::string& content) {
    const std::string path = directory_ + "/body-" + name;
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(path, content));
    auto id = models_->Upload(UploadOf(name), {path, 0, static_cast<std::int64_t>(content.size())});
    std::filesystem::remove(path);
    return id;
  }

  // The step that uses a model version.
  nlohmann::json StepOf(std::int64_t version_id) {
    const ModelVersion version = *models_->GetVersion(version_id);
    const nlohmann::json model = {
        {"name", version.name}, {"version", version.version}, {"sha", version.sha}};
    return {{"ModelInference", {{"models", nlohmann::json::array({model})}}}};
  }

  CreatedPipelineVersion CreatePipeline(const std::string& name,
                                        const std::vector<nlohmann::json>& steps) {
    const nlohmann::json definition = {{"id", name}, {"steps", steps}};
    auto made = pipelines_->Create(workspace_, name, definition, kDefaultUserId);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *made;
  }

  Result<std::int64_t> Deploy(const std::string& name, const CreatedPipelineVersion& version,
                              const nlohmann::json& engine_config = nlohmann::json::object(),
                              std::vector<std::int64_t> configs = {}) {
    return deployments_->Deploy(
        {name, version.pipeline_id, version.version_id, std::move(configs), Viewer()},
        engine_config);
  }

  std::string directory_;
  std::string metadata_;
  std::int64_t workspace_ = 0;
  std::unique_ptr<Database> database_;
  std::unique_ptr<ModelFiles> files_;
  std::unique_ptr<RecordingDeployer> deployer_;
  std::unique_ptr<Secrets> secrets_;
  std::unique_ptr<Workspaces> workspaces_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<Tags> tags_;
  std::unique_ptr<Models> models_;
  std::unique_ptr<Pipelines> pipelines_;
  std::unique_ptr<Deployments> deployments_;
};

inline int FilesBelow(const std::string& directory) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) ++files;
  }
  return files;
}

}  // namespace joey::control
