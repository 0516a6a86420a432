#include "base/cgroup.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/files.h"

namespace joey {
namespace {

namespace fs = std::filesystem;

// The files of a mounted hierarchy, as plain files: what is written into them can be looked at.
class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "joey-cgroup-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  void Put(const std::string& file, const std::string& text = "") const {
    fs::create_directories(fs::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }
  std::string Get(const std::string& file) const { return *ReadFile(root_ + "/" + file, 4096); }

  std::string root_;
};

TEST_F(CgroupTest, Version2) {
  Put("cgroup.controllers", "cpuset cpu io memory pids");
  for (const char* file : {"cgroup.subtree_control", "joey/cgroup.subtree_control",
                           "joey/e/cpu.max", "joey/e/memory.max", "joey/e/memory.swap.max"}) {
    Put(file);
  }
  Put("joey/e/memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n");
  Put("joey/e/cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n");
  auto group = Cgroup::Make("e", 0.25, 64 << 20, root_);
  ASSERT_TRUE(group.ok()) << group.status().ToString();
  EXPECT_EQ(Get("cgroup.subtree_control"), "+cpu +memory");
  EXPECT_EQ(Get("joey/cgroup.subtree_control"), "+cpu +memory");
  EXPECT_EQ(Get("joey/e/cpu.max"), "25000 100000");
  EXPECT_EQ(Get("joey/e/memory.max"), "67108864");
  EXPECT_EQ(Get("joey/e/memory.swap.max"), "0");
  EXPECT_EQ((*group)->procs_files(), std::vector<std::string>{root_ + "/joey/e/cgroup.procs"});
  EXPECT_EQ((*group)->OutOfMemoryKills(), 1);
  EXPECT_EQ((*group)->CpuSeconds(), 2.5);
}

TEST_F(CgroupTest, Version1) {
  for (const char* file :
       {"cpu/tasks", "cpu/joey/e/cpu.cfs_period_us", "cpu/joey/e/cpu.cfs_quota_us",
        "memory/joey/e/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us"}) {
    Put(file);
  }
  Put("memory/joey/e/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  Put("cpuacct/cpuacct.usage", "0");
  Put("cpuacct/joey/e/cpuacct.usage", "1500000000\n");
  auto group = Cgroup::Make("e", 2, 64 << 20, root_);
  ASSERT_TRUE(group.ok()) << group.status().ToString();
  EXPECT_EQ(Get("cpu/joey/e/cpu.cfs_quota_us"), "200000");
  EXPECT_EQ(Get("memory/joey/e/memory.limit_in_bytes"), "67108864");
  EXPECT_EQ((*group)->procs_files().size(), 3u);
  EXPECT_EQ((*group)->OutOfMemoryKills(), 3);
  EXPECT_EQ((*group)->CpuSeconds(), 1.5);
}

TEST_F(CgroupTest, NoneAtAll) {
  EXPECT_EQ(Cgroup::Make("e", 1, 0, root_).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace joey
