// Pickles that attack their loader. Skipped where the environment of scikit-learn is not installed.
#include "runtime/model_conversion.h"

#include <arrow/type.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/worker_environment.h"

namespace joey {
namespace {

class ConversionTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto environment = LocateEnvironment({"sklearn", ""});
    ASSERT_TRUE(environment.ok()) << environment.status().ToString();
    if (::access(environment->interpreter.c_str(), X_OK) != 0) {
      GTEST_SKIP() << "joey env install sklearn";
    }
    char pattern[] = "/tmp/joey-conversion-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // `pickle` in the protocol of text.
  Status Convert(const std::string& pickle, std::chrono::milliseconds timeout,
                 const std::function<bool()>& cancelled = {}) {
    FrameworkModelOptions options;
    options.name = "evil";
    options.framework = "sklearn";
    options.path = directory_ + "/model.pkl";
    std::ofstream(options.path) << pickle;
    options.environment.lock = "sklearn";
    options.input_schema =
        arrow::schema({arrow::field("x", arrow::fixed_size_list(arrow::float64(), 2))});
    options.output_schema = arrow::schema({arrow::field("y", arrow::float64())});
    options.memory_bytes = std::int64_t{1} << 30;
    options.timeout = timeout;
    return ConvertModel(options, cancelled).status();
  }

  std::string directory_;
};

constexpr std::chrono::milliseconds kLong{120'000};

TEST_F(ConversionTest, ALoopThatNeverEndsIsEnded) {
  const Status status = Convert("cos\nsystem\n(S'sleep 600'\ntR.", std::chrono::milliseconds(3000));
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded) << status.ToString();
  EXPECT_EQ(status.message(), "model 'evil' was not loaded within 3000 ms");
}

TEST_F(ConversionTest, ACrashIsNamed) {
  const Status status = Convert("cctypes\nstring_at\n(I0\ntR.", kLong);
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_NE(status.message().find("ended while it was loaded: signal 11"), std::string::npos)
      << status.ToString();
}

TEST_F(ConversionTest, AHundredGigabytesAreRefused) {
  const Status status = Convert("c__builtin__\nbytearray\n(L107374182400L\ntR.", kLong);
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.ToString();
}

TEST_F(ConversionTest, WhatIsNoModelIsSaidToBeNone) {
  const Status status = Convert("(dp0\n.", kLong);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition) << status.ToString();
  EXPECT_NE(status.message().find("holds a dict"), std::string::npos) << status.ToString();
}

TEST_F(ConversionTest, ItStopsWhenTheServerDoes) {
  const Status status = Convert("cos\nsystem\n(S'sleep 600'\ntR.", kLong, [] { return true; });
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_EQ(status.message(), "the conversion was stopped");
}

}  // namespace
}  // namespace joey
