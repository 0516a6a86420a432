#include "runtime/worker_environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/files.h"
#include "runtime/worker_limits.h"

namespace joey {
namespace {

TEST(Requirements, PackagesOfTheIndexAreFine) {
  for (const char* good :
       {"", "\n\n", "# a comment --index-url x\n", "numpy", "numpy==1.2.3", "numpy>=1,<2  # why",
        "  tslearn[all] ~= 0.6 ; python_version > '3.8'", "a\nb==1\nc!=2"}) {
    EXPECT_TRUE(CheckRequirements(good, false).ok()) << good;
  }
}

TEST(Requirements, WhereCodeComesFromIsNotForTheUserToSay) {
  for (const char* bad :
       {"--index-url http://evil/simple\nnumpy", "-i http://evil", "  --extra-index-url=x",
        "-r other.txt", "-e .", "--find-links /tmp", "git+https://evil/x.git",
        "x @ https://evil/x.whl", "http://evil/x.whl", "file:///etc/passwd", "./setup", "../x",
        "/etc/x", "a\\b", "numpy\n--no-binary :all:", "$(touch x)", "`x`"}) {
    const Status status = CheckRequirements(bad, false);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << bad;
    EXPECT_NE(status.message().find("of requirements.txt has"), std::string::npos) << bad;
    EXPECT_TRUE(CheckRequirements(bad, true).ok()) << bad;
  }
  EXPECT_FALSE(CheckRequirements(std::string(limits::kRequirementsBytesMax + 1, '\n'), true).ok());
  EXPECT_FALSE(CheckRequirements(std::string(limits::kRequirementsMax + 1, '\n'), true).ok());
}

class Environments : public testing::Test {
 protected:
  Environments() {
    char pattern[] = "/tmp/joey-env-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    const char* before = ::getenv("JOEY_CACHE");
    if (before != nullptr) before_ = before;
    ::setenv("JOEY_CACHE", directory_.c_str(), 1);
  }
  ~Environments() override {
    if (before_.empty()) {
      ::unsetenv("JOEY_CACHE");
    } else {
      ::setenv("JOEY_CACHE", before_.c_str(), 1);
    }
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  std::string before_;
};

TEST_F(Environments, AreNamedAfterWhatTheyAreMadeOf) {
  const auto plain = LocateEnvironment({"custom", ""});
  ASSERT_TRUE(plain.ok()) << plain.status().ToString();
  EXPECT_EQ(plain->interpreter, directory_ + "/envs/" + plain->name + "/bin/python");
  EXPECT_EQ(plain->name, "custom-" + plain->digest.substr(0, 12));
  EXPECT_EQ(ImagePath({"custom", ""}, *plain), "joey/custom@sha256:" + plain->digest);
  EXPECT_EQ(LocateEnvironment({"custom", ""})->digest, plain->digest);
  EXPECT_NE(LocateEnvironment({"custom", "tqdm"})->digest, plain->digest);
  EXPECT_NE(LocateEnvironment({"sklearn", ""})->digest, plain->digest);
  EXPECT_EQ(LocateEnvironment({"sklaern", ""}).status().hint(), "did you mean 'sklearn'?");
}

TEST_F(Environments, AreListedAndRemoved) {
  EXPECT_TRUE(ListEnvironments()->empty());
  const std::string made = directory_ + "/envs/custom-012345678901";
  ASSERT_TRUE(MakeDirectories(made + "/bin").ok());
  ASSERT_TRUE(MakeDirectories(made + "x.part").ok());
  ASSERT_TRUE(WriteFileAtomically(made + "/bin/python", "12345").ok());
  ASSERT_EQ(ListEnvironments()->size(), 1U);
  EXPECT_EQ(ListEnvironments()->front().bytes, 5);
  EXPECT_EQ(RemoveEnvironment("custom").code(), Code::kNotFound);
  EXPECT_EQ(RemoveEnvironment("../envs").code(), Code::kNotFound);
  EXPECT_TRUE(RemoveEnvironment("custom-012345678901").ok());
  EXPECT_TRUE(ListEnvironments()->empty());
}

TEST_F(Environments, NothingIsDownloadedOffline) {
  ::setenv("JOEY_OFFLINE", "1", 1);
  const auto made = EnsureEnvironment({"custom", ""});
  ::unsetenv("JOEY_OFFLINE");
  EXPECT_EQ(made.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(made.status().hint(), "run 'joey env install custom' where a network is");
  EXPECT_TRUE(ListEnvironments()->empty());
}

}  // namespace
}  // namespace joey
