#include "control/deployments.h"

#include "base/random.h"
#include "control/control_test_support.h"
#include "control/machine.h"

namespace joey::control {
namespace {

using nlohmann::json;

class DeploymentsTest : public ControlTest {
 protected:
  json Document(std::int64_t id) { return json::parse(deployer_->specs.at(id).document); }
};

TEST_F(DeploymentsTest, DocumentHoldsWhatTheEngineNeeds) {
  const std::int64_t version = *Upload("ccfraud", SmallOnnx());
  NewModelConfig config;
  config.model_version_id = version;
  config.tensor_fields = {"tensor"};
  config.batch_config = "single";
  const std::int64_t config_id = models_->InsertConfig(config)->id;
  const auto pipeline = CreatePipeline("fraud", {StepOf(version)});
  const json engine = {
      {"engine",
       {{"replicas", 2}, {"cpu", 0.5}, {"resources", {{"limits", {{"memory", "900Mi"}}}}}}}};
  auto id = Deploy("fraud", pipeline, engine, {config_id});
  ASSERT_TRUE(id.ok()) << id.status().ToString();

  const deploy::DeploymentSpec& spec = deployer_->specs.at(*id);
  EXPECT_EQ(spec.deploy_id, "fraud");
  EXPECT_EQ(spec.replicas, 2);
  EXPECT_EQ(spec.cpus, 0.5);
  EXPECT_EQ(spec.memory_bytes, std::int64_t{900} << 20);
  EXPECT_EQ(spec.generation, 1);
  const json document = Document(*id);
  EXPECT_EQ(document["deployment"], "fraud-1");
  EXPECT_EQ(document["pipeline"]["name"], "fraud");
  EXPECT_EQ(document["pipeline"]["version"], pipeline.version);
  EXPECT_EQ(document["pipeline"]["topic"], TopicName(*pipelines_->Get(pipeline.pipeline_id)));
  EXPECT_EQ(document["steps"].size(), 1u);
  const ModelVersion model = *models_->GetVersion(version);
  EXPECT_EQ(document["models"][0]["sha"], model.sha);
  EXPECT_EQ(document["models"][0]["path"], *files_->Find(model.sha));
  EXPECT_EQ(document["models"][0]["tensor_fields"], json({"tensor"}));
  EXPECT_EQ(document["models"][0]["batch_config"], "single");
  EXPECT_EQ(document["check_column"], "anomaly");
  EXPECT_EQ(document["logs"]["token"], "token");

  const json status = *deployments_->StatusDocument("fraud-1");
  EXPECT_EQ(status["status"], "Running");
  EXPECT_EQ(status["engines"].size(), 2u);
  EXPECT_EQ(status["engines"][0]["model_statuses"]["models"][0]["name"], "ccfraud");
  EXPECT_TRUE(status["engines"][0]["reason"].is_null());

  const Pipeline shown = *pipelines_->Get(pipeline.pipeline_id);
  EXPECT_TRUE(shown.versions[0].deployed);
  EXPECT_EQ(shown.deployment->model_config_ids, (std::vector<std::int64_t>{config_id}));
}

TEST_F(DeploymentsTest, RedeployKeepsTheIdAndRaisesTheGeneration) {
  // Each can be a step before the other.
  const std::int64_t a = *Upload("a", SmallOnnx(1, "a", "x0"));
  const std::int64_t b = *Upload("b", SmallOnnx(1, "b", "x0"));
  const auto first = CreatePipeline("p", {StepOf(a)});
  const auto second = CreatePipeline("p", {StepOf(a), StepOf(b), StepOf(a)});
  const std::int64_t id = *Deploy("p", first);
  EXPECT_EQ(*Deploy("p", second), id);
  EXPECT_EQ(deployer_->specs.at(id).generation, 2);
  EXPECT_EQ(Document(id)["steps"].size(), 3u);
  EXPECT_EQ(Document(id)["models"].size(), 2u);
  const Pipeline pipeline = *pipelines_->Get(first.pipeline_id);
  EXPECT_TRUE(pipeline.versions[0].deployed);
  EXPECT_FALSE(pipeline.versions[1].deployed);

  ASSERT_TRUE(deployments_->Undeploy(id).ok());
  EXPECT_TRUE(deployer_->specs.empty());
  EXPECT_TRUE(deployments_->Undeploy(id).ok());
  EXPECT_EQ(deployments_->StatusDocument("p-1").status().code(), Code::kNotFound);
  EXPECT_EQ(*Deploy("p", first), id);
  EXPECT_EQ(deployer_->specs.at(id).generation, 3);
  EXPECT_EQ(deployments_->Undeploy(99).code(), Code::kNotFound);
}

TEST_F(DeploymentsTest, NothingChangesWhenTheDeployerRefuses) {
  const auto first = CreatePipeline("p", {StepOf(*Upload("a", SmallOnnx()))});
  deployer_->refuse = Unavailable("no");
  EXPECT_EQ(Deploy("p", first).status().code(), Code::kUnavailable);
  EXPECT_FALSE(pipelines_->Get(first.pipeline_id)->deployment.has_value());
  deployer_->refuse = Status();
  const std::int64_t id = *Deploy("p", first);
  const auto second = CreatePipeline("p", {StepOf(*Upload("b", SmallOnnx(1, "b")))});
  deployer_->refuse = Unavailable("no");
  EXPECT_FALSE(Deploy("p", second).ok());
  const Pipeline pipeline = *pipelines_->Get(first.pipeline_id);
  EXPECT_EQ(pipeline.deployment->pipeline_version_id, first.version_id);
  EXPECT_EQ(pipeline.deployment->generation, 1);
  EXPECT_EQ(deployer_->specs.at(id).generation, 1);
}

TEST_F(DeploymentsTest, StepsThatCannotRunYetAreNamed) {
  const std::int64_t a = *Upload("a", SmallOnnx());
  auto status =
      Deploy("p", CreatePipeline("p", {StepOf(a), {{"Average", json::object()}}})).status();
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_NE(status.message().find("step 2 ('Average')"), std::string::npos);
  status = Deploy("p", CreatePipeline("p", {})).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("no steps"), std::string::npos);
}

TEST_F(DeploymentsTest, ModelsAndConfigurationsMustFit) {
  const std::int64_t a = *Upload("ccfraud", SmallOnnx());
  const std::int64_t b = *Upload("other", SmallOnnx(1, "b"));
  const auto pipeline = CreatePipeline("p", {StepOf(a)});
  const std::int64_t config_of_b = (*models_->NewestConfig(b))->id;
  EXPECT_EQ(Deploy("p", pipeline, json::object(), {config_of_b}).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Deploy("p", pipeline, json::object(), {99}).status().code(), Code::kNotFound);
  NewModelConfig second;
  second.model_version_id = a;
  const std::int64_t config_of_a = models_->InsertConfig(second)->id;
  EXPECT_EQ(Deploy("p", pipeline, json::object(), {config_of_a, (config_of_a - 2)}).status().code(),
            Code::kInvalidArgument);

  json step = StepOf(a);
  json& model = step["ModelInference"]["models"][0];
  model["name"] = "ccfruad";
  auto status = Deploy("p", CreatePipeline("p", {step})).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.hint(), "did you mean 'ccfraud'?");
  model["name"] = "ccfraud";
  model["sha"] = std::string(64, 'a');
  EXPECT_EQ(Deploy("p", CreatePipeline("p", {step})).status().code(), Code::kInvalidArgument);
  model["version"] = NewUuid();
  EXPECT_EQ(Deploy("p", CreatePipeline("p", {step})).status().code(), Code::kNotFound);
  EXPECT_EQ(Deploy("No_Name", pipeline).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(
      deployments_->Deploy({"p", 99, pipeline.version_id, {}}, json::object()).status().code(),
      Code::kNotFound);
  EXPECT_EQ(
      deployments_->Deploy({"p", pipeline.pipeline_id, 99, {}}, json::object()).status().code(),
      Code::kNotFound);
}

TEST_F(DeploymentsTest, ArchitecturesMustMatch) {
  const char* foreign = MachineArch() == "x86" ? "arm" : "x86";
  ModelUpload upload = UploadOf("elsewhere");
  upload.arch = foreign;
  const std::string path = directory_ + "/body";
  ASSERT_TRUE(WriteFileAtomically(path, SmallOnnx()).ok());
  const std::int64_t id =
      *models_->Upload(upload, {path, 0, static_cast<std::int64_t>(SmallOnnx().size())});
  const auto pipeline = CreatePipeline("p", {StepOf(id)});
  EXPECT_EQ(Deploy("p", pipeline).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Deploy("p", pipeline, {{"engine", {{"arch", MachineArch()}}}}).status().code(),
            Code::kInvalidArgument);
}

TEST_F(DeploymentsTest, AutoscaleAndItsNotesReachTheDeployer) {
  const auto pipeline = CreatePipeline("p", {StepOf(*Upload("a", SmallOnnx()))});
  const std::int64_t id =
      *Deploy("p", pipeline,
              {{"engine", {{"cpu", 1}, {"autoscale", {{"replica_min", 0}, {"replica_max", 9}}}}}});
  const deploy::DeploymentSpec& spec = deployer_->specs.at(id);
  EXPECT_EQ(spec.replicas, 1);
  ASSERT_TRUE(spec.autoscale.has_value());
  EXPECT_EQ(spec.autoscale->maximum, 4);  // the machine of these tests has 4 CPUs
  EXPECT_EQ(spec.notes.size(), 1u);
}

TEST_F(DeploymentsTest, StrictResourcesCountWhatIsDeployed) {
  deployments_ = std::make_unique<Deployments>(
      *database_, *files_, *deployer_,
      EngineSettings{"anomaly", directory_ + "/run/address", "token", true});
  const auto a = CreatePipeline("a", {StepOf(*Upload("a", SmallOnnx(1, "a")))});
  const auto b = CreatePipeline("b", {StepOf(*Upload("b", SmallOnnx(1, "b")))});
  const json three = {{"engine", {{"cpu", 3}}}};
  const std::int64_t id = *Deploy("a", a, three);
  EXPECT_TRUE(Deploy("a", a, three).ok());  // it replaces itself
  const Status status = Deploy("b", b, three).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("3 of them promised"), std::string::npos) << status.message();
  EXPECT_TRUE(Deploy("b", b, {{"engine", {{"cpu", 1}}}}).ok());
  ASSERT_TRUE(deployments_->Undeploy(id).ok());
  EXPECT_TRUE(Deploy("b", b, three).ok());
}

TEST_F(DeploymentsTest, ResumeStartsWhatWasDeployed) {
  const auto a = CreatePipeline("a", {StepOf(*Upload("a", SmallOnnx(1, "a")))});
  const std::int64_t b_version = *Upload("b", SmallOnnx(1, "b"));
  const auto b = CreatePipeline("b", {StepOf(b_version)});
  const auto c = CreatePipeline("c", {StepOf(*Upload("c", SmallOnnx(1, "c")))});
  const std::int64_t a_id = *Deploy("a", a, {{"engine", {{"replicas", 3}}}});
  const std::int64_t b_id = *Deploy("b", b);
  const std::int64_t c_id = *Deploy("c", c);
  ASSERT_TRUE(deployments_->Undeploy(c_id).ok());
  const std::string before = deployer_->specs.at(a_id).document;
  std::filesystem::remove(*files_->Find(models_->GetVersion(b_version)->sha));
  Stop();
  Start();
  ASSERT_TRUE(deployments_->Resume().ok());
  ASSERT_EQ(deployer_->specs.size(), 1u);
  EXPECT_EQ(deployer_->specs.at(a_id).document, before);
  EXPECT_EQ(deployer_->specs.at(a_id).replicas, 3);
  const json status = *deployments_->StatusDocument("b-" + std::to_string(b_id));
  EXPECT_EQ(status["status"], "Error");
  EXPECT_NE(status["details"][0].get<std::string>().find("is missing"), std::string::npos);
  EXPECT_EQ(deployments_->StatusDocument("c-" + std::to_string(c_id)).status().code(),
            Code::kNotFound);
}

}  // namespace
}  // namespace joey::control
