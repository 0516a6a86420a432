#include "runtime/tensorflow_plugin.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/files.h"

namespace joey {
namespace {

class TensorFlowPluginTest : public testing::Test {
 protected:
  TensorFlowPluginTest() {
    std::string path = testing::TempDir() + "plugin-XXXXXX";
    cache_ = ::mkdtemp(path.data());
    ::setenv("JOEY_CACHE", cache_.c_str(), 1);
    ::setenv("JOEY_OFFLINE", "1", 1);
    ::unsetenv("JOEY_TENSORFLOW_DIRECTORY");
  }
  ~TensorFlowPluginTest() override {
    ::unsetenv("JOEY_CACHE");
    ::unsetenv("JOEY_OFFLINE");
    ::unsetenv("JOEY_TENSORFLOW_DIRECTORY");
    std::filesystem::remove_all(cache_);
  }
  static void Pretend(const std::string& directory) {
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/libtensorflow_cc.so.2") << "x";
  }

  std::string cache_;
};

TEST_F(TensorFlowPluginTest, OfflineSaysWhatToRun) {
  EXPECT_FALSE(TensorFlowIsInstalled());
  const auto directory = EnsureTensorFlow();
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(directory.status().hint().find("joey plugin install tensorflow"), std::string::npos);
}

TEST_F(TensorFlowPluginTest, WhatIsThereIsUsed) {
  Pretend(*TensorFlowDirectory());
  EXPECT_TRUE(TensorFlowIsInstalled());
  EXPECT_EQ(*EnsureTensorFlow(), *TensorFlowDirectory());
}

TEST_F(TensorFlowPluginTest, AnotherWheelIsRefused) {
  const std::string wheel = cache_ + "/other.whl";
  ASSERT_TRUE(WriteFileAtomically(wheel, "PK\x03\x04").ok());
  const auto directory = EnsureTensorFlow({.wheel = wheel});
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.status().code(), Code::kDataLoss);
  EXPECT_FALSE(TensorFlowIsInstalled());
  EXPECT_FALSE(std::filesystem::exists(*TensorFlowDirectory() + ".part"));
}

TEST_F(TensorFlowPluginTest, AGivenDirectoryIsNotFilled) {
  ::setenv("JOEY_TENSORFLOW_DIRECTORY", (cache_ + "/mine").c_str(), 1);
  const auto directory = EnsureTensorFlow();
  ASSERT_FALSE(directory.ok());
  EXPECT_NE(directory.status().message().find("JOEY_TENSORFLOW_DIRECTORY"), std::string::npos);
  Pretend(cache_ + "/mine");
  EXPECT_EQ(*EnsureTensorFlow(), cache_ + "/mine");
}

TEST_F(TensorFlowPluginTest, WaitsForWhoeverInstalls) {
  const std::string directory = *TensorFlowDirectory();
  UniqueFd lock(::open((directory + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  // Whoever installs has done so when it has been asked for the second time whether to go on.
  std::atomic<int> asked = 0;
  const auto found = EnsureTensorFlow({.cancelled = [&] {
    if (++asked == 2) {
      Pretend(directory);
      lock.Reset();
    }
    return false;
  }});
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(asked, 2);
}

TEST_F(TensorFlowPluginTest, WaitingCanBeStopped) {
  const UniqueFd lock(
      ::open((*TensorFlowDirectory() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_EQ(EnsureTensorFlow({.cancelled = [] { return true; }}).status().code(),
            Code::kUnavailable);
}

}  // namespace
}  // namespace joey
