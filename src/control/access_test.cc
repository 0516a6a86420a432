#include "control/access.h"

#include "control/control_test_support.h"

namespace joey::control {
namespace {

// Ann owns a workspace with everything in it, Col works there, Eve does not.
class AccessTest : public ControlTest {
 protected:
  void SetUp() override {
    ControlTest::SetUp();
    for (const User* user : {&ann_, &col_, &eve_}) AddUserRow(*user);
    workspace_ = *workspaces_->Create("anns", ann_.id);
    ASSERT_TRUE(workspaces_->AddUser(workspace_, col_.email, false).ok());
  }

  Role RoleOfUser(const User& user, Resource resource, const ResourceKey& key) {
    Role out = Role::kNone;
    const Status status = database_->Read([&](Connection& connection) -> Status {
      JOEY_ASSIGN_OR_RETURN(out, RoleOf(connection, user, resource, key));
      return {};
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return out;
  }

  void ExpectWorkspaceRoles(Resource resource, const ResourceKey& key, const ResourceKey& unknown) {
    EXPECT_EQ(RoleOfUser(ann_, resource, key), Role::kOwner);
    EXPECT_EQ(RoleOfUser(col_, resource, key), Role::kCollaborator);
    EXPECT_EQ(RoleOfUser(eve_, resource, key), Role::kNone);
    EXPECT_EQ(RoleOfUser(root_, resource, key), Role::kAdministrator);
    EXPECT_EQ(RoleOfUser(root_, resource, unknown), Role::kNone);
    // What is not seen and what does not exist are told in the same words.
    AccessControl access(*database_);
    const Status hidden = access.Require(eve_, Role::kCollaborator, resource, key);
    const Status missing = access.Require(ann_, Role::kCollaborator, resource, unknown);
    EXPECT_EQ(hidden.code(), Code::kNotFound);
    EXPECT_EQ(missing.code(), Code::kNotFound);
    EXPECT_EQ(Blank(hidden.message(), key), Blank(missing.message(), unknown));
    EXPECT_EQ(access.Require(col_, Role::kOwner, resource, key).code(), Code::kPermissionDenied);
    EXPECT_TRUE(access.Require(ann_, Role::kOwner, resource, key).ok());
    EXPECT_TRUE(access.Require(root_, Role::kOwner, resource, key).ok());
  }

  // The message without the key.
  static std::string Blank(std::string message, const ResourceKey& key) {
    const auto* number = std::get_if<std::int64_t>(&key);
    const std::string text = number != nullptr ? std::to_string(*number) : std::get<1>(key);
    const std::size_t at = message.find(text);
    EXPECT_NE(at, std::string::npos) << message;
    return at == std::string::npos ? message : message.replace(at, text.size(), "#");
  }

  const User ann_ = MakeUser(1, "ann@ex.co");
  const User col_ = MakeUser(2, "col@ex.co");
  const User eve_ = MakeUser(3, "eve@ex.co");
  const User root_{std::string(kDefaultUserId), std::string(kDefaultUserEmail), "", "", true};
};

TEST_F(AccessTest, EverythingInAWorkspaceFollowsItsUsers) {
  const std::int64_t version = *Upload("m", SmallOnnx());
  const std::int64_t model = models_->GetVersion(version)->model_id;
  const std::int64_t config = (*models_->NewestConfig(version))->id;
  const auto pipeline = CreatePipeline("p", {StepOf(version)});
  const std::int64_t deployment = *Deploy("p", pipeline);
  const std::string topic = TopicName(*pipelines_->Get(pipeline.pipeline_id));
  const std::string name = "p-" + std::to_string(deployment);

  ExpectWorkspaceRoles(Resource::kWorkspace, workspace_, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kModel, model, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kModelVersion, version, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kModelConfig, config, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kPipeline, pipeline.pipeline_id, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kPipelineVersion, pipeline.version, "no-such-version");
  ExpectWorkspaceRoles(Resource::kDeployment, deployment, std::int64_t{99});
  ExpectWorkspaceRoles(Resource::kDeploymentName, name, "q-99");
  ExpectWorkspaceRoles(Resource::kLogTopic, topic, "workspace-1-pipeline-q-99");
  ExpectWorkspaceRoles(Resource::kLogTopic, topic + "-failures", "workspace-1-pipeline-q-99");
}

TEST_F(AccessTest, NamesMustMatchTheirNumber) {
  const std::int64_t version = *Upload("m", SmallOnnx());
  const auto pipeline = CreatePipeline("p", {StepOf(version)});
  const std::int64_t deployment = *Deploy("p", pipeline);
  for (const std::string& name :
       {"q-" + std::to_string(deployment), std::string("p-"), std::string("p"), std::string(),
        "p-0" + std::to_string(deployment), "p--" + std::to_string(deployment),
        std::string("p-99999999999999999999")}) {
    EXPECT_EQ(RoleOfUser(root_, Resource::kDeploymentName, name), Role::kNone) << name;
    EXPECT_EQ(RoleOfUser(root_, Resource::kLogTopic, name), Role::kNone) << name;
  }
}

TEST_F(AccessTest, TagsAndConnectionsAreSeenWhereTheyAreUsed) {
  const Tag tag = *tags_->Create("My Great Tag", ann_.id);
  const std::string connection =
      *connections_->Create("con", "T", nlohmann::json{{"a", 1}}, ann_.id);
  for (const auto& [resource, key] : {std::pair<Resource, ResourceKey>(Resource::kTag, tag.id),
                                      {Resource::kConnection, connection},
                                      {Resource::kConnectionName, "con"}}) {
    EXPECT_EQ(RoleOfUser(ann_, resource, key), Role::kOwner);
    EXPECT_EQ(RoleOfUser(col_, resource, key), Role::kNone);
    EXPECT_EQ(RoleOfUser(root_, resource, key), Role::kAdministrator);
  }
  const auto pipeline = CreatePipeline("p", {});
  ASSERT_TRUE(tags_->AddToPipeline(tag.id, pipeline.pipeline_id).ok());
  ASSERT_TRUE(connections_->AddToWorkspace(connection, workspace_).ok());
  for (const auto& [resource, key] : {std::pair<Resource, ResourceKey>(Resource::kTag, tag.id),
                                      {Resource::kConnection, connection},
                                      {Resource::kConnectionName, "con"}}) {
    EXPECT_EQ(RoleOfUser(col_, resource, key), Role::kCollaborator);
    EXPECT_EQ(RoleOfUser(eve_, resource, key), Role::kNone);
  }
  ASSERT_TRUE(tags_->RemoveFromPipeline(tag.id, pipeline.pipeline_id).ok());
  const std::int64_t version = *Upload("m", SmallOnnx());
  ASSERT_TRUE(tags_->AddToModelVersion(tag.id, version).ok());
  EXPECT_EQ(RoleOfUser(col_, Resource::kTag, tag.id), Role::kCollaborator);
}

TEST_F(AccessTest, SuggestionsNameOnlyWhatIsSeen) {
  ASSERT_TRUE(connections_->Create("secret-bank", "T", {}, ann_.id).ok());
  AccessControl access(*database_);
  const auto hint = [&](const User& user) {
    return access.Require(user, Role::kCollaborator, Resource::kConnectionName, "secret-bamk")
        .hint();
  };
  EXPECT_NE(hint(ann_).find("secret-bank"), std::string::npos);
  EXPECT_EQ(hint(eve_).find("secret-bank"), std::string::npos);
}

TEST_F(AccessTest, ListsHoldWhatTheViewerSees) {
  const std::int64_t version = *Upload("m", SmallOnnx());
  const std::string uuid = models_->GetVersion(version)->version;
  CreatePipeline("p", {StepOf(version)});
  for (const User* user : {&ann_, &col_, &root_}) {
    const Viewer viewer = ViewerOf(*user);
    EXPECT_EQ(pipelines_->List(std::nullopt, viewer)->size(), 1u) << user->email;
    EXPECT_EQ(models_->NewestVersions(std::nullopt, viewer)->size(), 1u) << user->email;
    EXPECT_TRUE(models_->FindVersion("m", uuid, viewer).ok()) << user->email;
    EXPECT_EQ(tags_->SearchModels({}, viewer)->size(), 1u) << user->email;
    EXPECT_EQ(tags_->SearchPipelines({}, viewer)->size(), 1u) << user->email;
  }
  const Viewer eve = ViewerOf(eve_);
  EXPECT_TRUE(workspaces_->List(eve)->empty());
  EXPECT_TRUE(pipelines_->List(std::nullopt, eve)->empty());
  EXPECT_EQ(pipelines_->Find("p", std::nullopt, eve).status().code(), Code::kNotFound);
  EXPECT_TRUE(models_->NewestVersions(std::nullopt, eve)->empty());
  const Status hidden = models_->FindVersion("m", uuid, eve).status();
  EXPECT_EQ(hidden.code(), Code::kNotFound);
  EXPECT_EQ(hidden.hint().find("did you mean"), std::string::npos) << hidden.hint();
  EXPECT_TRUE(tags_->SearchModels({}, eve)->empty());
  EXPECT_TRUE(tags_->SearchPipelines({}, eve)->empty());
}

TEST_F(AccessTest, ModelsOfOthersCannotBeDeployed) {
  const std::int64_t version = *Upload("m", SmallOnnx());
  const nlohmann::json step = StepOf(version);
  const std::int64_t eves = *workspaces_->Create("eves", eve_.id);
  const auto made = *pipelines_->Create(
      eves, "stolen", {{"id", "stolen"}, {"steps", nlohmann::json::array({step})}}, eve_.id);
  DeployRequest request{"stolen", made.pipeline_id, made.version_id, {}, ViewerOf(eve_)};
  const auto deployed = deployments_->Deploy(request, nlohmann::json::object());
  EXPECT_EQ(deployed.status().code(), Code::kNotFound) << deployed.status().ToString();
  request.viewer = ViewerOf(root_);
  EXPECT_TRUE(deployments_->Deploy(request, nlohmann::json::object()).ok());
}

}  // namespace
}  // namespace joey::control
