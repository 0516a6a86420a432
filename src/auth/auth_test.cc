// Users, passwords, API tokens and what a request's token stands for, on a real database.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "auth/authenticator.h"
#include "auth/base64url.h"
#include "auth/device_grants.h"
#include "auth/limits.h"
#include "auth/password.h"
#include "auth/sign_in.h"
#include "base/clock.h"
#include "base/files.h"
#include "store/schema.h"

namespace joey::auth {
namespace {

constexpr std::string_view kPassword = "correct horse battery";

class AuthTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-auth-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    database_ = std::move(Database::Open(directory_ + "/joey.db", MetadataMigrations()).value());
    users_ = std::make_unique<Users>(*database_, epoch_);
    sessions_ = std::make_unique<Sessions>(*database_, epoch_);
    devices_ = std::make_unique<DeviceGrants>(*database_);
    key_ = std::move(SigningKey::Open(directory_ + "/key.pem").value());
    sign_in_ = std::make_unique<SignIn>(*users_, *sessions_, *key_);
    tokens_ = std::make_unique<ApiTokens>(*database_, epoch_);
    authenticator_ = std::make_unique<Authenticator>(sign_in_.get(), *tokens_, epoch_);
  }
  void TearDown() override {
    database_.reset();
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
  Epoch epoch_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Users> users_;
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<DeviceGrants> devices_;
  std::unique_ptr<SigningKey> key_;
  std::unique_ptr<SignIn> sign_in_;
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
  authenticator_ = std::make_unique<Authenticator>(nullptr, *tokens_, epoch_);
  const auto user = Ask("definitely_a_bearer_token_str");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ((*user)->id, control::kDefaultUserId);
  EXPECT_TRUE((*user)->administrator);
}

// A token with another header or other claims, signed by `key` or with the signature of before.
std::string Forge(const std::string& token, const nlohmann::json& header,
                  const nlohmann::json& claims, const std::string& signature) {
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  auto part = [](std::string_view text) { return nlohmann::json::parse(*DecodeBase64Url(text)); };
  nlohmann::json new_header = part(std::string_view(token).substr(0, first));
  nlohmann::json new_claims = part(std::string_view(token).substr(first + 1, last - first - 1));
  if (!header.empty()) new_header.update(header);
  if (!claims.empty()) new_claims.update(claims);
  return EncodeBase64Url(new_header.dump()) + "." + EncodeBase64Url(new_claims.dump()) + "." +
         signature;
}

TEST_F(AuthTest, AccessTokensAreSignedAndForgeriesRefused) {
  const Account ann = Make("ann@example.com");
  const Tokens tokens = *sign_in_->Issue(ann.user, "http://localhost/auth/realms/master");
  const std::string& good = tokens.access_token;
  ASSERT_TRUE(Ask("Bearer " + good).ok()) << Ask("Bearer " + good).status().ToString();
  EXPECT_EQ((*Ask("Bearer " + good))->id, ann.user.id);
  const std::string signature = good.substr(good.rfind('.') + 1);
  const auto refused = [&](const std::string& token) {
    EXPECT_EQ(Ask("Bearer " + token).status().code(), Code::kUnauthenticated) << token;
  };
  refused(Forge(good, {}, {{"sub", "somebody-else"}}, signature));
  refused(Forge(good, {{"alg", "none"}}, {}, ""));
  refused(Forge(good, {{"alg", "none"}}, {}, signature));
  refused(Forge(good, {{"alg", "None"}}, {}, ""));
  refused(Forge(good, {{"alg", "HS256"}}, {}, signature));
  refused(Forge(good, {{"alg", "RS256"}}, {}, signature));
  refused(Forge(good, {{"crit", {"exp"}}}, {}, signature));
  refused(Forge(good, {{"kid", "another"}}, {}, signature));
  refused(Forge(good, {{"kid", 7}}, {}, signature));
  refused(good + ".");
  refused(good.substr(0, good.size() - 4));
  refused(good + "AAAA");
  refused("." + good);
  refused(good.substr(0, good.rfind('.')));
  refused("a.b.c");
  refused("..");
  // Signed by somebody else who gives his key our name.
  const auto other = std::move(SigningKey::Open(directory_ + "/other.pem").value());
  const std::string claims_text =
      *DecodeBase64Url(good.substr(good.find('.') + 1, good.rfind('.') - good.find('.') - 1));
  nlohmann::json claims = nlohmann::json::parse(claims_text);
  refused(other->Sign(claims));
  const std::string stolen = other->Sign(claims);
  refused(
      Forge(stolen, {{"kid", key_->verify_key().kid()}}, {}, stolen.substr(stolen.rfind('.') + 1)));
  // Signed by us, but expired, of no session, of another's session, or no access token.
  EXPECT_TRUE(Ask("Bearer " + key_->Sign(claims)).ok());
  const auto with = [&](const char* name, const nlohmann::json& value) {
    nlohmann::json changed = claims;
    changed[name] = value;
    return key_->Sign(changed);
  };
  refused(with("exp", NowMicros() / 1000000));
  refused(with("exp", "tomorrow"));
  refused(with("exp", nullptr));
  refused(with("nbf", NowMicros() / 1000000 + 1000));
  refused(with("sid", "00000000-0000-0000-0000-000000000000"));
  refused(with("sid", 7));
  refused(with("sub", "somebody-else"));
  refused(with("typ", "ID"));
}

TEST_F(AuthTest, TheKeyOutlivesARestart) {
  const auto again = std::move(SigningKey::Open(directory_ + "/key.pem").value());
  EXPECT_EQ(again->public_jwk(), key_->public_jwk());
  EXPECT_EQ(std::filesystem::status(directory_ + "/key.pem").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/bad.pem", "no key").ok());
  EXPECT_EQ(SigningKey::Open(directory_ + "/bad.pem").status().code(), Code::kDataLoss);
}

TEST_F(AuthTest, RefreshTokensCanBeUsedAgainUntilTheSessionEnds) {
  const Account ann = Make("ann@example.com");
  const Tokens first = *sign_in_->Issue(ann.user, "issuer");
  for (int i = 0; i < 3; ++i) {
    const auto next = *sign_in_->Refresh(first.refresh_token, "issuer");
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->refresh_token, first.refresh_token);
    EXPECT_TRUE(Ask("Bearer " + next->access_token).ok());
  }
  EXPECT_FALSE((*sign_in_->Refresh(first.access_token, "issuer")).has_value());
  EXPECT_FALSE(Ask("Bearer " + first.refresh_token).ok());
  ASSERT_TRUE(sign_in_->End(first.refresh_token).ok());
  EXPECT_FALSE((*sign_in_->Refresh(first.refresh_token, "issuer")).has_value());
  EXPECT_FALSE(Ask("Bearer " + first.access_token).ok());
}

TEST_F(AuthTest, ANewPasswordAndADisabledUserEndSessions) {
  Make("root@example.com", true);
  const Account ann = Make("ann@example.com");
  Tokens tokens = *sign_in_->Issue(ann.user, "issuer");
  ASSERT_TRUE(Ask("Bearer " + tokens.access_token).ok());
  ASSERT_TRUE(users_->SetPassword(ann.user.id, "another good password").ok());
  EXPECT_FALSE(Ask("Bearer " + tokens.access_token).ok());
  tokens = *sign_in_->Issue(ann.user, "issuer");
  ASSERT_TRUE(users_->SetEnabled(ann.user.id, false).ok());
  EXPECT_FALSE(Ask("Bearer " + tokens.access_token).ok());
  ASSERT_TRUE(users_->SetEnabled(ann.user.id, true).ok());
  EXPECT_FALSE(Ask("Bearer " + tokens.access_token).ok());
}

TEST_F(AuthTest, ADeviceGetsItsAnswerOnce) {
  const Account ann = Make("ann@example.com");
  using State = DeviceGrants::State;
  const auto begun = *devices_->Begin("10.0.0.7");
  EXPECT_EQ(begun.user_code.size(), 9U);
  EXPECT_EQ(devices_->Poll(begun.device_code)->state, State::kPending);
  EXPECT_EQ(devices_->Poll(begun.device_code)->state, State::kTooFast);
  EXPECT_EQ(devices_->Poll("unknown")->state, State::kGone);
  std::string typed = begun.user_code;
  typed.erase(4, 1);
  typed[0] = static_cast<char>(typed[0] + 32);
  ASSERT_TRUE((*devices_->Find(typed)).has_value());
  EXPECT_EQ((*devices_->Find(typed))->address, "10.0.0.7");
  EXPECT_FALSE((*devices_->Find("")).has_value());
  EXPECT_TRUE(*devices_->Decide(typed, true, ann.user));
  EXPECT_FALSE(*devices_->Decide(typed, false, ann.user));
  const auto answer = *devices_->Poll(begun.device_code);
  EXPECT_EQ(answer.state, State::kApproved);
  EXPECT_EQ(answer.user_id, ann.user.id);
  EXPECT_EQ(devices_->Poll(begun.device_code)->state, State::kGone);
  const auto refused = *devices_->Begin("10.0.0.7");
  EXPECT_TRUE(*devices_->Decide(refused.user_code, false, ann.user));
  EXPECT_EQ(devices_->Poll(refused.device_code)->state, State::kDenied);
}

TEST(AttemptsTest, PausesGrowPerAccountAndAddressAndEnd) {
  Attempts attempts;
  auto now = Attempts::Clock::now();
  for (int i = 0; i < kAccountAttemptsFree; ++i) {
    EXPECT_EQ(attempts.Begin("ann", "10.0.0.1", now), 0) << i;
  }
  EXPECT_EQ(attempts.Begin("ANN", "10.0.0.2", now), kAttemptPauseSeconds);
  EXPECT_EQ(attempts.Begin("bob", "10.0.0.1", now), 0);
  now += std::chrono::seconds(kAttemptPauseSeconds);
  EXPECT_EQ(attempts.Begin("ann", "10.0.0.1", now), 0);
  EXPECT_EQ(attempts.Begin("ann", "10.0.0.1", now), 2 * kAttemptPauseSeconds);
  for (int i = 0; i < 40; ++i) {
    now += std::chrono::seconds(kAttemptPauseSecondsMax);
    EXPECT_EQ(attempts.Begin("ann", "10.0.0.3", now), 0);
    EXPECT_LE(attempts.Begin("ann", "10.0.0.3", now), kAttemptPauseSecondsMax);
  }
  EXPECT_GT(attempts.Begin("ann", "10.0.0.4", now), 200);
  attempts.Succeeded("ann", "10.0.0.1");
  EXPECT_EQ(attempts.Begin("ann", "10.0.0.4", now), 0);
  now += std::chrono::seconds(kAttemptMemorySeconds + 1);
  for (int i = 0; i < kAddressAttemptsFree; ++i) {
    EXPECT_EQ(attempts.Begin("user" + std::to_string(i), "10.0.0.9", now), 0) << i;
  }
  EXPECT_EQ(attempts.Begin("somebody", "10.0.0.9", now), kAttemptPauseSeconds);
  EXPECT_EQ(attempts.Begin("somebody", "10.0.0.8", now), 0);
}

TEST(JwtTest, KeysOfOthers) {
  // RFC 7515 A.2 (RS256) and A.3 (ES256): keys and signatures that others made.
  const nlohmann::json rsa = nlohmann::json::parse(
      R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})");
  const std::string signed_bytes =
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL"
      "mNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature =
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
  const auto key = VerifyKey::FromJwk(rsa);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->algorithm(), "RS256");
  EXPECT_TRUE(key->Verify(signed_bytes, *DecodeBase64Url(signature)));
  EXPECT_FALSE(key->Verify(signed_bytes + "x", *DecodeBase64Url(signature)));
  EXPECT_FALSE(key->Verify(signed_bytes, ""));
  const nlohmann::json ec = nlohmann::json::parse(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  const auto ec_key = VerifyKey::FromJwk(ec);
  ASSERT_TRUE(ec_key.ok());
  EXPECT_TRUE(ec_key->Verify(
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
      "NvbS9pc19yb290Ijp0cnVlfQ",
      *DecodeBase64Url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
                       "qPP3-Kg6NU1Q")));
  // No keys to verify with, weak ones, and points that are not on the curve.
  nlohmann::json bad = ec;
  bad["y"] = bad["x"];
  EXPECT_FALSE(VerifyKey::FromJwk(bad).ok());
  EXPECT_FALSE(VerifyKey::FromJwk({{"kty", "oct"}, {"k", "c2VjcmV0"}}).ok());
  EXPECT_FALSE(VerifyKey::FromJwk({{"kty", "RSA"}, {"n", "AQAB"}, {"e", "AQAB"}}).ok());
  EXPECT_FALSE(VerifyKey::FromJwk({{"kty", "RSA"}}).ok());
  bad = ec;
  bad["use"] = "enc";
  EXPECT_FALSE(VerifyKey::FromJwk(bad).ok());
  EXPECT_FALSE(VerifyKey::FromJwk(nlohmann::json("text")).ok());
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
