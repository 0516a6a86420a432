#include "store/secrets.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/files.h"
#include "store/schema.h"

namespace joey {
namespace {

class SecretsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-secrets-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    key_file_ = directory_ + "/key";
    database_ = std::move(Database::Open(directory_ + "/joey.db", MetadataMigrations()).value());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Result<Secrets> Open() { return Secrets::Open(*database_, key_file_); }

  std::string directory_;
  std::string key_file_;
  std::unique_ptr<Database> database_;
};

TEST_F(SecretsTest, WhatIsSealedOpensAfterTheNextStart) {
  const std::string secret("pass\0word \xc3\xbc", 12);
  const std::string sealed = *Open()->Seal(secret, "connection:1");
  EXPECT_EQ(sealed.find("pass"), std::string::npos);
  EXPECT_EQ(*Open()->Unseal(sealed, "connection:1"), secret);
  EXPECT_EQ(*Open()->Unseal(*Open()->Seal("", "x"), "x"), "");
  struct stat info;
  ASSERT_EQ(stat(key_file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SecretsTest, TheSameSecretNeverLooksTheSame) {
  const Secrets secrets = *Open();
  EXPECT_NE(*secrets.Seal("password", "a"), *secrets.Seal("password", "a"));
}

TEST_F(SecretsTest, ChangedOrMovedTextsDoNotOpen) {
  const Secrets secrets = *Open();
  const std::string sealed = *secrets.Seal("password", "connection:1");
  EXPECT_EQ(secrets.Unseal(sealed, "connection:2").status().code(), Code::kDataLoss);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(secrets.Unseal(changed, "connection:1").ok()) << i;
    EXPECT_FALSE(secrets.Unseal(sealed.substr(0, i), "connection:1").ok()) << i;
  }
}

TEST_F(SecretsTest, MissingKeyIsNotSilentlyMadeAnew) {
  ASSERT_TRUE(Open().ok());
  std::filesystem::remove(key_file_);
  const Status status = Open().status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find(key_file_), std::string::npos);
  EXPECT_NE(status.hint().find("backup"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(key_file_));
}

TEST_F(SecretsTest, WrongOrDamagedKeyIsRefused) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(WriteFileAtomically(key_file_, std::string(64, 'a')).ok());
  EXPECT_EQ(Open().status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(WriteFileAtomically(key_file_, "not a key").ok());
  EXPECT_EQ(Open().status().code(), Code::kDataLoss);
}

TEST_F(SecretsTest, KeyWithoutFingerprintIsTakenOver) {
  // A start that was killed between the two writes.
  ASSERT_TRUE(WriteFileAtomically(key_file_, std::string(64, 'b')).ok());
  const std::string sealed = *Open()->Seal("s", "x");
  EXPECT_EQ(*Open()->Unseal(sealed, "x"), "s");
}

}  // namespace
}  // namespace joey
