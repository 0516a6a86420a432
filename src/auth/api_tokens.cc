#include "auth/api_tokens.h"

#include <fmt/format.h>

#include "auth/limits.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/sha256.h"

namespace joey::auth {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::int64_t kMicrosPerDay = std::int64_t{24} * 3600 * 1000000;

Status CheckName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kTokenNameBytesMax &&
                    name.find_first_of("\r\n\t") == std::string_view::npos;
  if (good) return {};
  return InvalidArgument(
      fmt::format("the name of a token has 1 to {} bytes in one line", kTokenNameBytesMax),
      "name what will use it, for example 'nightly-job'");
}

}  // namespace

Result<NewApiToken> ApiTokens::Create(std::string_view user_id, std::string_view name,
                                      std::optional<std::int64_t> days) {
  JOEY_RETURN_IF_ERROR(CheckName(name));
  if (days && (*days < 1 || *days > kApiTokenDaysMax)) {
    return InvalidArgument(
        fmt::format("a token lives 1 to {} days, not {}", kApiTokenDaysMax, *days),
        "give a number of days, or none for a token without end");
  }
  NewApiToken made;
  made.secret = std::string(kApiTokenPrefix) + RandomHex(kSecretBytes);
  ApiToken& record = made.record;
  record.id = NewUuid();
  record.user_id = user_id;
  record.name = name;
  record.created_at = NowMicros();
  if (days) record.expires_at = record.created_at + *days * kMicrosPerDay;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auto account, LoadAccount(connection, user_id));
    if (!account) return NotFound("there is no user " + std::string(user_id));
    record.email = account->user.email;
    JOEY_ASSIGN_OR_RETURN(
        const auto count,
        connection.QueryInt("SELECT count(*) FROM api_token WHERE user_id = ?", {user_id}));
    if (count.value_or(0) >= static_cast<std::int64_t>(kApiTokensMax)) {
      return ResourceExhausted(fmt::format("the user has {} API tokens already", kApiTokensMax),
                               "revoke those that are not used any more");
    }
    return connection
        .Run(
            "INSERT INTO api_token(id, user_id, name, secret_sha, created_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            {record.id, user_id, name, Sha256::Hex(made.secret), record.created_at,
             record.expires_at})
        .status();
  }));
  return made;
}

Result<std::vector<ApiToken>> ApiTokens::List(std::optional<std::string_view> user_id) {
  std::vector<ApiToken> out;
  const std::string_view all = user_id ? "" : "all";
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(
        "SELECT t.id, t.user_id, u.email, t.name, t.created_at, t.expires_at FROM api_token t "
        "JOIN user u ON u.id = t.user_id WHERE t.user_id = ? OR ? = 'all' "
        "ORDER BY t.created_at DESC, t.id",
        {user_id.value_or(""), all}, [&](const SqlRow& row) {
          ApiToken token;
          token.id = row.Text(0);
          token.user_id = row.Text(1);
          token.email = row.Text(2);
          token.name = row.Text(3);
          token.created_at = row.Int(4);
          if (!row.IsNull(5)) token.expires_at = row.Int(5);
          out.push_back(std::move(token));
        });
  }));
  return out;
}

Status ApiTokens::Revoke(std::string_view id, std::optional<std::string_view> user_id) {
  const std::string_view all = user_id ? "" : "all";
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t gone,
        connection.Run("DELETE FROM api_token WHERE id = ? AND (user_id = ? OR ? = 'all')",
                       {id, user_id.value_or(""), all}));
    if (gone == 0) return NotFound("there is no API token " + std::string(id), "list the tokens");
    return {};
  }));
  epoch_.Bump();
  return {};
}

Result<std::optional<VerifiedToken>> ApiTokens::Verify(std::string_view token) {
  std::optional<VerifiedToken> holder;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    // Looked up by digest: how long it takes tells nothing about tokens that exist.
    return connection.Query(
        "SELECT u.id, u.email, u.username, u.administrator, t.expires_at FROM api_token t "
        "JOIN user u ON u.id = t.user_id WHERE t.secret_sha = ? AND u.enabled = 1",
        {Sha256::Hex(token)}, [&](const SqlRow& row) {
          holder.emplace();
          holder->user.id = row.Text(0);
          holder->user.email = row.Text(1);
          holder->user.username = row.Text(2);
          holder->user.administrator = row.Bool(3);
          holder->expires_at = row.IsNull(4) ? INT64_MAX : row.Int(4);
        });
  }));
  if (holder && holder->expires_at <= NowMicros()) holder.reset();
  return holder;
}

}  // namespace joey::auth
