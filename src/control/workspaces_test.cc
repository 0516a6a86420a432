#include "control/workspaces.h"

#include <thread>

#include "control/control_test_support.h"

namespace joey::control {
namespace {

using WorkspacesTest = ControlTest;

TEST_F(WorkspacesTest, DefaultIsMadeOnceEvenWhenAskedForTogether) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      auto found = workspaces_->Default(kDefaultUserId, kDefaultUserEmail);
      if (!found.ok() || found->id != workspace_) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(workspaces_->List(Viewer())->size(), 1u);
  EXPECT_EQ(workspaces_->Get(workspace_)->name, "default@ex.co - Default Workspace");
}

TEST_F(WorkspacesTest, NamesAreNotUniqueAndContentsAreListed) {
  const std::int64_t first = *workspaces_->Create("imdb-workspace", kDefaultUserId);
  const std::int64_t second = *workspaces_->Create("imdb-workspace", kDefaultUserId);
  EXPECT_NE(first, second);
  const std::int64_t version = *Upload("m", SmallOnnx());
  const auto pipeline = CreatePipeline("p", {});
  const Workspace workspace = *workspaces_->Get(workspace_);
  EXPECT_EQ(workspace.model_ids,
            (std::vector<std::int64_t>{models_->GetVersion(version)->model_id}));
  EXPECT_EQ(workspace.pipeline_ids, (std::vector<std::int64_t>{pipeline.pipeline_id}));
  ASSERT_EQ(workspace.users.size(), 1u);
  EXPECT_EQ(workspace.users[0].user_type, "OWNER");
  EXPECT_TRUE(workspaces_->Get(first)->model_ids.empty());
  EXPECT_EQ(workspaces_->Get(99).status().code(), Code::kNotFound);
  EXPECT_EQ(workspaces_->Create("my.workspace", kDefaultUserId).status().code(),
            Code::kInvalidArgument);
}

TEST_F(WorkspacesTest, UsersAreAddedPromotedAndRemoved) {
  const User ann = MakeUser(1, "ann@ex.co");
  const User col = MakeUser(2, "col@ex.co");
  AddUserRow(ann);
  AddUserRow(col);
  const std::int64_t id = *workspaces_->Create("w", ann.id);
  const auto users = [&] {
    std::string out;
    const Workspace workspace = *workspaces_->Get(id);
    for (const User& user : workspace.users) out += user.email + user.user_type + " ";
    return out;
  };
  EXPECT_EQ(workspaces_->AddUser(id, "nobody@ex.co", false).code(), Code::kNotFound);
  EXPECT_EQ(workspaces_->RemoveUser(id, col.email).code(), Code::kNotFound);
  ASSERT_TRUE(workspaces_->AddUser(id, "COL@ex.co", false).ok());
  ASSERT_TRUE(workspaces_->AddUser(id, col.email, false).ok());
  EXPECT_EQ(users(), "ann@ex.coOWNER col@ex.coCOLLABORATOR ");
  EXPECT_EQ(workspaces_->RemoveUser(id, ann.email).code(), Code::kFailedPrecondition);
  ASSERT_TRUE(workspaces_->AddUser(id, col.email, true).ok());
  ASSERT_TRUE(workspaces_->AddUser(id, col.email, false).ok());  // stays owner
  EXPECT_EQ(users(), "ann@ex.coOWNER col@ex.coOWNER ");
  ASSERT_TRUE(workspaces_->RemoveUser(id, ann.email).ok());
  EXPECT_EQ(users(), "col@ex.coOWNER ");
  EXPECT_TRUE(workspaces_->List(ann.id)->empty());
  EXPECT_EQ(workspaces_->AddUser(99, col.email, false).code(), Code::kNotFound);
}

TEST_F(WorkspacesTest, WhoIsRemovedFromTheDefaultWorkspaceGetsANewOne) {
  const User ann = MakeUser(1, "ann@ex.co");
  const User col = MakeUser(2, "col@ex.co");
  AddUserRow(ann);
  AddUserRow(col);
  const std::int64_t first = workspaces_->Default(ann.id, ann.email)->id;
  ASSERT_TRUE(workspaces_->AddUser(first, col.email, true).ok());
  ASSERT_TRUE(workspaces_->RemoveUser(first, ann.email).ok());
  const Workspace second = *workspaces_->Default(ann.id, ann.email);
  EXPECT_NE(second.id, first);
  ASSERT_EQ(second.users.size(), 1u);
  EXPECT_EQ(second.users[0].email, ann.email);
}

}  // namespace
}  // namespace joey::control
