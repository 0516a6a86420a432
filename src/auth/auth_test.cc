// Users, passwords, API tokens and what a request's token stands for, on a real database.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "auth/authenticator.h"
#include "auth/limits.h"
#include "auth/password.h"
#include "base/clock.h"
#include "store/schema.h"
#include "store/store_test_support.h"

namespace joey::auth {
namespace {

constexpr std::string_view kPassword = "correct horse battery";

class AuthTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-auth-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    metadata_ = TestMetadata(directory_);
    database_ = std::move(Database::Open(metadata_, MetadataMigrations()).value());
    users_ = std::make_unique<Users>(*database_, epoch_);
    tokens_ = std::make_unique<ApiTokens>(*database_, epoch_);
    authenticator_ = std::make_unique<Authenticator>(Mode::kBuiltin, *tokens_, epoch_);
  }
  void TearDown() override {
    database_.reset();
    DropTestMetadata(metadata_);
    std::filesystem::remove_all(directory_);
  }

  Account Make(const std::string& email, bool administrator = false) {
    NewUser user;
    user.email = email;
    user.password = kPassword;
    user.administrator = administrator;
    auto made = users_->Create(user);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *made;
  }

  Result<UserPointer> Ask(const std::string& header, const std::string& target = "/v1/api/x") {
    http::Request request;
    request.target = target;
    request.head = header;
    if (!header.empty()) request.headers.emplace_back("Authorization", request.head);
    return authenticator_->Authenticate(request);
  }

  std::string directory_;
  std::string metadata_;
  Epoch epoch_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Users> users_;
  std::unique_ptr<ApiTokens> tokens_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthTest, EmailsAndUsernamesAreUniqueWhateverTheirCase) {
  const Account ann = Make("Ann@Example.com");
  EXPECT_EQ(ann.user.email, "ann@example.com");
  EXPECT_EQ(ann.user.username, "ann@example.com");
  NewUser again;
  again.email = "ANN@example.COM";
  EXPECT_EQ(users_->Create(again).status().code(), Code::kAlreadyExists);
  again.email = "bob@example.com";
  again.username = "ann@example.com";
  EXPECT_EQ(users_->Create(again).status().code(), Code::kInvalidArgument);
  again.username = "bob";
  ASSERT_TRUE(users_->Create(again).ok());
  EXPECT_EQ((*users_->FindByLogin("BOB"))->user.email, "bob@example.com");
  EXPECT_FALSE(users_->FindByLogin("carl")->has_value());
}

TEST_F(AuthTest, BadEmailsAreRefused) {
  for (const char* bad : {"", "ann", "@", "ann@", "@example.com", "a b@example.com", "a@b@c",
                          "a\n@example.com", "<a>@example.com", "\xc3\xa4@example.com"}) {
    NewUser user;
    user.email = bad;
    EXPECT_EQ(users_->Create(user).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST_F(AuthTest, PasswordsAreHashedWithSaltAndChecked) {
  const std::string one = *HashPassword("same password");
  const std::string two = *HashPassword("same password");
  EXPECT_NE(one, two);
  EXPECT_TRUE(one.starts_with("$argon2id$v=19$m="));
  EXPECT_TRUE(PasswordMatches("same password", one));
  EXPECT_FALSE(PasswordMatches("Same password", one));
  EXPECT_FALSE(PasswordMatches("", ""));
  EXPECT_FALSE(PasswordMatches("anything", ""));
  EXPECT_FALSE(PasswordMatches("anything", "no hash"));
  EXPECT_FALSE(CheckNewPassword("short", "ann@example.com").ok());
  EXPECT_FALSE(CheckNewPassword("ANN@example.com", "ann@example.com").ok());
  EXPECT_FALSE(CheckNewPassword(std::string(kPasswordBytesMax + 1, 'x'), "a@b").ok());
  EXPECT_TRUE(CheckNewPassword(kPassword, "ann@example.com").ok());
}

TEST_F(AuthTest, OnlyEnabledUsersSignInByPassword) {
  Make("root@example.com", true);
  const Account ann = Make("ann@example.com");
  EXPECT_EQ((*users_->CheckPassword("ann@example.com", kPassword))->user.id, ann.user.id);
  EXPECT_FALSE(users_->CheckPassword("ann@example.com", "wrong password")->has_value());
  EXPECT_FALSE(users_->CheckPassword("nobody@example.com", kPassword)->has_value());
  ASSERT_TRUE(users_->SetEnabled(ann.user.id, false).ok());
  EXPECT_FALSE(users_->CheckPassword("ann@example.com", kPassword)->has_value());
  NewUser machine;
  machine.email = "machine@example.com";
  ASSERT_TRUE(users_->Create(machine).ok());
  EXPECT_FALSE(users_->CheckPassword("machine@example.com", "")->has_value());
}

TEST_F(AuthTest, ThereIsOneFirstAdministrator) {
  EXPECT_FALSE(*users_->HasAdministrator());
  NewUser user;
  user.email = "root@example.com";
  user.password = kPassword;
  ASSERT_TRUE(users_->CreateFirstAdministrator(user).ok());
  EXPECT_TRUE(*users_->HasAdministrator());
  user.email = "other@example.com";
  EXPECT_EQ(users_->CreateFirstAdministrator(user).status().code(), Code::kFailedPrecondition);
}

TEST_F(AuthTest, TheLastAdministratorStays) {
  const Account root = Make("root@example.com", true);
  EXPECT_EQ(users_->SetEnabled(root.user.id, false).code(), Code::kFailedPrecondition);
  EXPECT_EQ(users_->SetAdministrator(root.user.id, false).code(), Code::kFailedPrecondition);
  const Account other = Make("other@example.com", true);
  EXPECT_TRUE(users_->SetEnabled(root.user.id, false).ok());
  EXPECT_EQ(users_->SetEnabled(other.user.id, false).code(), Code::kFailedPrecondition);
}

TEST_F(AuthTest, ATokenStandsForItsUserUntilItIsRevoked) {
  const Account ann = Make("ann@example.com");
  const NewApiToken made = *tokens_->Create(ann.user.id, "job", std::nullopt);
  const auto user = Ask("Bearer " + made.secret);
  ASSERT_TRUE(user.ok()) << user.status().ToString();
  EXPECT_EQ((*user)->id, ann.user.id);
  EXPECT_EQ((*user)->email, "ann@example.com");
  EXPECT_FALSE((*user)->administrator);
  EXPECT_TRUE(Ask("bearer " + made.secret).ok());
  EXPECT_EQ(tokens_->Revoke(made.record.id, "somebody else").code(), Code::kNotFound);
  EXPECT_TRUE(Ask("Bearer " + made.secret).ok());
  EXPECT_TRUE(tokens_->Revoke(made.record.id, ann.user.id).ok());
  EXPECT_EQ(Ask("Bearer " + made.secret).status().code(), Code::kUnauthenticated);
}

TEST_F(AuthTest, ADisabledUsersTokensDieAtOnce) {
  Make("root@example.com", true);
  const Account ann = Make("ann@example.com");
  const NewApiToken made = *tokens_->Create(ann.user.id, "job", 1);
  ASSERT_TRUE(Ask("Bearer " + made.secret).ok());
  ASSERT_TRUE(users_->SetEnabled(ann.user.id, false).ok());
  EXPECT_FALSE(Ask("Bearer " + made.secret).ok());
  ASSERT_TRUE(users_->SetEnabled(ann.user.id, true).ok());
  EXPECT_TRUE(Ask("Bearer " + made.secret).ok());
}

TEST_F(AuthTest, ExpiredTokensAreRefused) {
  const Account ann = Make("ann@example.com");
  const NewApiToken made = *tokens_->Create(ann.user.id, "job", 1);
  ASSERT_TRUE(Ask("Bearer " + made.secret).ok());
  ASSERT_TRUE(database_
                  ->Write([&](Connection& connection) {
                    return connection.Run("UPDATE api_token SET expires_at = ?", {NowMicros() - 1})
                        .status();
                  })
                  .ok());
  epoch_.Bump();
  EXPECT_FALSE(Ask("Bearer " + made.secret).ok());
  EXPECT_FALSE(tokens_->Create(ann.user.id, "job", 0).ok());
  EXPECT_FALSE(tokens_->Create(ann.user.id, "", 1).ok());
}

TEST_F(AuthTest, WhatIsNoTokenIsRefused) {
  const Account ann = Make("ann@example.com");
  const std::string token = tokens_->Create(ann.user.id, "job", std::nullopt)->secret;
  const std::vector<std::string> headers = {"",
                                            "Bearer",
                                            "Bearer ",
                                            token,
                                            "Basic " + token,
                                            "Bearer " + token + "0",
                                            "Bearer " + token.substr(0, token.size() - 1),
                                            "Bearer joey_",
                                            "Bearer " + std::string(kTokenBytesMax + 1, 'x'),
                                            "Bearer definitely_an_access_token"};
  for (const std::string& header : headers) {
    EXPECT_EQ(Ask(header).status().code(), Code::kUnauthenticated) << header.substr(0, 100);
  }
  EXPECT_NE(Ask("", "/v1/api/x?access_token=" + token).status().message().find("URL"),
            std::string::npos);
}

TEST_F(AuthTest, WithoutIdentityEverybodyIsTheDefaultUser) {
  authenticator_ = std::make_unique<Authenticator>(Mode::kNone, *tokens_, epoch_);
  const auto user = Ask("definitely_a_bearer_token_str");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ((*user)->id, control::kDefaultUserId);
  EXPECT_TRUE((*user)->administrator);
}

TEST(TokenCacheTest, RemembersForAWhileAndForgetsWithTheEpoch) {
  Epoch epoch;
  TokenCache cache(epoch);
  const auto user = std::make_shared<const control::User>();
  EXPECT_EQ(cache.Find("token"), nullptr);
  cache.Keep("token", user, INT64_MAX, epoch.now());
  EXPECT_EQ(cache.Find("token"), user);
  EXPECT_EQ(cache.Find("other"), nullptr);
  const std::uint64_t before = epoch.now();
  epoch.Bump();
  EXPECT_EQ(cache.Find("token"), nullptr);
  // Verified before the change, kept after it.
  cache.Keep("token", user, INT64_MAX, before);
  EXPECT_EQ(cache.Find("token"), nullptr);
  cache.Keep("token", user, NowMicros() - 1, epoch.now());
  EXPECT_EQ(cache.Find("token"), nullptr);
}

}  // namespace
}  // namespace joey::auth
