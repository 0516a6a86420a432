#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/suggest.h"

namespace joey {
namespace {

TEST(Clock, FormatsMicrosecondsInUtc) {
  EXPECT_EQ(FormatMicros(0), "1970-01-01T00:00:00.000000+00:00");
  EXPECT_EQ(FormatMicros(1795510800123456), "2026-11-24T09:00:00.123456+00:00");
  EXPECT_EQ(FormatMicros(-1), "1969-12-31T23:59:59.999999+00:00");
}

TEST(Clock, ReadsIsoTimes) {
  const std::int64_t expected = 1795510800123456;
  for (const char* text :
       {"2026-11-24T09:00:00.123456+00:00", "2026-11-24 09:00:00.123456Z",
        "2026-11-24T11:30:00.123456999+02:30", "2026-11-23T23:00:00.123456-10:00"}) {
    const auto micros = ParseMicros(text);
    ASSERT_TRUE(micros.ok()) << text;
    EXPECT_EQ(*micros, expected) << text;
  }
  EXPECT_EQ(*ParseMicros("1969-12-31T23:59:59.9Z"), -100000);
  for (const char* text :
       {"", "2026-11-24", "2026-11-24T09:00:00", "2026-13-24T09:00:00Z", "2026-02-30T09:00:00Z",
        "2026-11-24T24:00:00Z", "2026-11-24T09:00:00.Z", "2026-11-24T09:00:00Zx",
        "2026-11-24T09:00:00+0000", "-026-11-24T09:00:00Z", "2026-11-24T09:00:00.1234567890Z"}) {
    EXPECT_FALSE(ParseMicros(text).ok()) << text;
  }
}

TEST(Random, UuidsAreWellFormedAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = NewUuid();
    EXPECT_TRUE(IsUuid(uuid)) << uuid;
    EXPECT_EQ(uuid[14], '4');
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_FALSE(IsUuid("6dbe5524-7bc3-4ff3-8ca8-d454b2cbd0e"));
  EXPECT_FALSE(IsUuid("6dbe5524x7bc3-4ff3-8ca8-d454b2cbd0e4"));
  EXPECT_FALSE(IsUuid("6DBE5524-7bc3-4ff3-8ca8-d454b2cbd0e4"));
  EXPECT_EQ(RandomHex(32).size(), 64u);
}

TEST(Sha256, KnownDigests) {
  EXPECT_EQ(Sha256::Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.Update("a");
  hash.Update("bc");
  EXPECT_EQ(hash.FinishHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_FALSE(IsSha256Hex("../../../etc/passwd"));
}

TEST(Suggest, DistanceCountsEdits) {
  EXPECT_EQ(EditDistance("ccfraud", "ccfraud", 3), 0);
  EXPECT_EQ(EditDistance("ccfruad", "ccfraud", 3), 1);
  EXPECT_EQ(EditDistance("cfraud", "ccfraud", 3), 1);
  EXPECT_EQ(EditDistance("kitten", "sitting", 5), 3);
  EXPECT_EQ(EditDistance("a", "abcdefgh", 3), 4);
}

TEST(Suggest, NamesNearCandidatesOnly) {
  EXPECT_EQ(DidYouMean("ccfruad", {"ccfraud", "houseprice"}), "did you mean 'ccfraud'?");
  EXPECT_EQ(DidYouMean("house", {"houseprice", "houseprice-2"}),
            "did you mean 'houseprice' or 'houseprice-2'?");
  EXPECT_EQ(DidYouMean("zzz", {"ccfraud", "houseprice"}), "");
  EXPECT_EQ(DidYouMean(std::string(100000, 'x'), {"ccfraud"}), "");
}

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-files-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FilesTest, AtomicWriteReplacesAndLeavesNoTemporary) {
  const std::string path = directory_ + "/a/b/value";
  ASSERT_TRUE(MakeDirectories(directory_ + "/a/b").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "two").ok());
  EXPECT_EQ(*ReadFile(path, 100), "two");
  EXPECT_EQ(ReadFile(path, 2).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadFile(path + "x", 2).status().code(), Code::kNotFound);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/a/b")) {
    (void)entry;
    ++files;
  }
  EXPECT_EQ(files, 1);
  Result<MappedFile> mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->bytes(), "two");
}

TEST_F(FilesTest, ErrorsNameThePath) {
  const Status status = WriteFileAtomically(directory_ + "/missing/value", "x");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/missing/value"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/plain", "x").ok());
  EXPECT_FALSE(MakeDirectories(directory_ + "/plain").ok());
}

}  // namespace
}  // namespace joey
