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
  EXPECT_EQ(workspaces_->List()->size(), 1u);
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

}  // namespace
}  // namespace joey::control
