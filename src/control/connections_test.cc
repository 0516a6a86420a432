#include "control/connections.h"

#include "control/control_test_support.h"
#include "control/limits.h"

namespace joey::control {
namespace {

using nlohmann::json;
using ConnectionsTest = ControlTest;

TEST_F(ConnectionsTest, DetailsAreKeptEncryptedAndGivenBack) {
  const json details = {{"password", "correct horse battery"}, {"port", 3339}};
  const std::string id = *connections_->Create("bank_1.x", "ODBC", details, kDefaultUserId);
  EXPECT_EQ(json::parse(connections_->Get(id, Viewer())->details), details);
  EXPECT_EQ(connections_->Find("bank_1.x", Viewer())->id, id);
  const auto listed = *connections_->List(std::nullopt, Viewer());
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].details, "");
  Stop();
  std::string all;
  for (const char* file : {"/joey.db", "/joey.db-wal"}) {
    if (auto bytes = ReadFile(directory_ + file, 64 << 20); bytes.ok()) all += *bytes;
  }
  // With PostgreSQL there is no file to look into.
  if (!all.empty()) {
    EXPECT_NE(all.find("bank_1.x"), std::string::npos);
  }
  EXPECT_EQ(all.find("correct horse"), std::string::npos);
  Start();
  EXPECT_EQ(json::parse(connections_->Get(id, Viewer())->details), details);
}

TEST_F(ConnectionsTest, NamesAreUniqueAndPlain) {
  ASSERT_TRUE(connections_->Create("one", "T", json::object(), kDefaultUserId).ok());
  const Status taken = connections_->Create("one", "T", {}, kDefaultUserId).status();
  EXPECT_EQ(taken.code(), Code::kAlreadyExists);
  EXPECT_EQ(taken.message(),
            "This connection already exists.  Please choose a different connection name.");
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("../x"), std::string("\xd0\xb0"),
        std::string("a\nb"), std::string(64, 'x'), std::string("<b>")}) {
    EXPECT_EQ(connections_->Create(name, "T", {}, kDefaultUserId).status().code(),
              Code::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(connections_->Create("two", "", {}, kDefaultUserId).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(connections_->Create("two", "a\tb", {}, kDefaultUserId).status().code(),
            Code::kInvalidArgument);
  const json big = {{"x", std::string(kConnectionDetailsBytesMax, 'x')}};
  EXPECT_EQ(connections_->Create("two", "T", big, kDefaultUserId).status().code(),
            Code::kPayloadTooLarge);
  const json broken = {{"x", "\xff"}};
  EXPECT_EQ(connections_->Create("two", "T", broken, kDefaultUserId).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(connections_->List(std::nullopt, Viewer())->size(), 1u);
}

TEST_F(ConnectionsTest, DeleteIsRefusedWhileAttached) {
  const std::string id = *connections_->Create("con", "T", json::object(), kDefaultUserId);
  const std::string link = *connections_->AddToWorkspace(id, workspace_);
  EXPECT_EQ(*connections_->AddToWorkspace(id, workspace_), link);
  EXPECT_EQ(connections_->List(workspace_, Viewer())->size(), 1u);
  EXPECT_EQ(connections_->Find("con", Viewer())->workspace_names,
            std::vector<std::string>{"default@ex.co - Default Workspace"});
  const Status refused = connections_->Delete("con", Viewer());
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_TRUE(refused.message().starts_with(
      "Before deleting a connection, it must be removed from all workspaces that it is attached "
      "to"))
      << refused.message();
  EXPECT_NE(refused.hint().find("Default Workspace"), std::string::npos);
  ASSERT_TRUE(connections_->RemoveFromWorkspace(id, workspace_).ok());
  ASSERT_TRUE(connections_->RemoveFromWorkspace(id, workspace_).ok());
  EXPECT_TRUE(connections_->List(workspace_, Viewer())->empty());
  ASSERT_TRUE(connections_->Delete("con", Viewer()).ok());
  EXPECT_EQ(connections_->Delete("con", Viewer()).code(), Code::kNotFound);
  EXPECT_EQ(connections_->Find("con", Viewer()).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace joey::control
