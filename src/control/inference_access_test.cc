#include "control/inference_access.h"

#include "control/control_test_support.h"

namespace joey::control {
namespace {

using InferenceAccessTest = ControlTest;

TEST_F(InferenceAccessTest, IsRememberedUntilTheUsersChange) {
  const User ann = MakeUser(1, "ann@ex.co");
  AddUserRow(ann);
  const std::int64_t version = *Upload("m", SmallOnnx());
  const std::string name =
      "p-" + std::to_string(*Deploy("p", CreatePipeline("p", {StepOf(version)})));
  InferenceAccess access(*database_);
  EXPECT_FALSE(access.Known(ann, name).has_value());
  EXPECT_FALSE(*access.Look(ann, name));
  EXPECT_EQ(access.Known(ann, name), false);
  ASSERT_TRUE(workspaces_->AddUser(workspace_, ann.email, false).ok());
  access.Forget();
  EXPECT_FALSE(access.Known(ann, name).has_value());
  EXPECT_TRUE(*access.Look(ann, name));
  EXPECT_EQ(access.Known(ann, name), true);
  EXPECT_FALSE(*access.Look(ann, "p-99"));
  EXPECT_FALSE(*access.Look(ann, "p"));
  ASSERT_TRUE(workspaces_->RemoveUser(workspace_, ann.email).ok());
  access.Forget();
  EXPECT_FALSE(*access.Look(ann, name));
}

TEST_F(InferenceAccessTest, AdministratorsAreNotLookedUp) {
  InferenceAccess access(*database_);
  EXPECT_EQ(access.Known({"", "", "", "", true}, "p-1"), true);
}

TEST_F(InferenceAccessTest, WorkspacesTellAboutChangedUsers) {
  const User ann = MakeUser(1, "ann@ex.co");
  AddUserRow(ann);
  int told = 0;
  Workspaces workspaces(*database_, [&] { ++told; });
  ASSERT_TRUE(workspaces.AddUser(workspace_, ann.email, false).ok());
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(workspaces.RemoveUser(workspace_, ann.email).ok());
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace joey::control
