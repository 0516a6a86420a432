#include "auth/sessions.h"

#include "auth/limits.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/sha256.h"

namespace joey::auth {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::string_view NameOf(Sessions::Kind kind) {
  return kind == Sessions::Kind::kBrowser ? "browser" : "client";
}

std::int64_t LifeSeconds(Sessions::Kind kind) {
  return kind == Sessions::Kind::kBrowser ? kBrowserSessionSeconds : kClientSessionSeconds;
}

}  // namespace

Result<NewSession> Sessions::Create(const control::User& user, Kind kind) {
  NewSession made;
  made.secret = RandomHex(kSecretBytes);
  made.session.id = NewUuid();
  made.session.user = user;
  const std::int64_t now = NowMicros();
  made.session.expires_at = now + LifeSeconds(kind) * 1000000;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(
        connection.Run("DELETE FROM session WHERE expires_at <= ?", {now}).status());
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("DELETE FROM session WHERE id IN (SELECT id FROM session WHERE user_id = ? "
                 "ORDER BY created_at DESC LIMIT 1000 OFFSET ?)",
                 {user.id, kSessionsMax - 1})
            .status());
    return connection
        .Run(
            "INSERT INTO session(id, user_id, kind, secret_sha, created_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            {made.session.id, user.id, NameOf(kind), Sha256::Hex(made.secret), now,
             made.session.expires_at})
        .status();
  }));
  return made;
}

Result<std::optional<Session>> Sessions::Find(std::string_view condition, std::string_view value,
                                              std::string_view kind) {
  std::optional<Session> found;
  const std::string sql =
      "SELECT s.id, s.expires_at, u.id, u.email, u.username, u.administrator FROM session s "
      "JOIN user u ON u.id = s.user_id WHERE " +
      std::string(condition) + " AND (s.kind = ? OR ? = '') AND s.expires_at > ? AND u.enabled = 1";
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(sql, {value, kind, kind, NowMicros()}, [&](const SqlRow& row) {
      found.emplace();
      found->id = row.Text(0);
      found->expires_at = row.Int(1);
      found->user.id = row.Text(2);
      found->user.email = row.Text(3);
      found->user.username = row.Text(4);
      found->user.administrator = row.Bool(5);
    });
  }));
  return found;
}

Result<std::optional<Session>> Sessions::FindBySecret(std::string_view secret, Kind kind) {
  return Find("s.secret_sha = ?", Sha256::Hex(secret), NameOf(kind));
}

Result<std::optional<Session>> Sessions::FindById(std::string_view id) {
  return Find("s.id = ?", id, "");
}

Status Sessions::End(std::string_view id) {
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) {
    return connection.Run("DELETE FROM session WHERE id = ?", {id}).status();
  }));
  epoch_.Bump();
  return {};
}

}  // namespace joey::auth
