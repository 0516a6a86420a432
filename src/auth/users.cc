#include "auth/users.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "auth/limits.h"
#include "auth/password.h"
#include "base/clock.h"
#include "base/random.h"

namespace joey::auth {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, email, username, administrator, enabled, created_at, password_hash FROM user ";

Account AccountOf(const SqlRow& row) {
  Account account;
  account.user.id = row.Text(0);
  account.user.email = row.Text(1);
  account.user.username = row.Text(2);
  account.user.administrator = row.Bool(3);
  account.enabled = row.Bool(4);
  account.created_at = row.Int(5);
  account.has_password = !row.Text(6).empty();
  return account;
}

Result<std::optional<Account>> FindWhere(Connection& connection, const std::string& where,
                                         std::initializer_list<SqlValue> values,
                                         std::string* password_hash = nullptr) {
  std::optional<Account> found;
  JOEY_RETURN_IF_ERROR(
      connection.Query(std::string(kSelect) + where, values, [&](const SqlRow& row) {
        found = AccountOf(row);
        if (password_hash != nullptr) *password_hash = row.Text(6);
      }));
  return found;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>'; });
}

Status NoSuchUser(std::string_view id) {
  return NotFound("there is no user " + std::string(id), "list the users with 'joey user list'");
}

// A username with '@' is the email: otherwise one user could take the email of another as name.
Result<std::string> NormalUsername(std::string_view username, const std::string& email) {
  if (username.empty()) return email;
  std::string normal = Lower(username);
  if (normal == email) return normal;
  if (normal.size() > kEmailBytesMax || !IsPlain(normal) || normal.find('@') != std::string::npos) {
    return InvalidArgument(
        "'" + normal + "' is no username",
        "use letters, digits and signs without space and without '@', or the email itself");
  }
  return normal;
}

Status EndSessions(Connection& connection, std::string_view user_id, std::string_view keep) {
  return connection.Run("DELETE FROM session WHERE user_id = ? AND id <> ?", {user_id, keep})
      .status();
}

// For changes that take the rights of an administrator away.
Status CheckNotLastAdministrator(Connection& connection, std::string_view id) {
  JOEY_ASSIGN_OR_RETURN(
      const auto others,
      connection.QueryInt(
          "SELECT count(*) FROM user WHERE administrator = 1 AND enabled = 1 AND id <> ?", {id}));
  JOEY_ASSIGN_OR_RETURN(
      const auto self,
      connection.QueryInt(
          "SELECT count(*) FROM user WHERE administrator = 1 AND enabled = 1 AND id = ?", {id}));
  if (self.value_or(0) == 0 || others.value_or(0) > 0) return {};
  return FailedPrecondition("this is the last administrator",
                            "make another user administrator first");
}

}  // namespace

Result<std::string> NormalEmail(std::string_view email) {
  const std::size_t at = email.find('@');
  const bool good = at != std::string_view::npos && at > 0 && at + 1 < email.size() &&
                    email.find('@', at + 1) == std::string_view::npos &&
                    email.size() <= kEmailBytesMax && IsPlain(email);
  if (!good) {
    return InvalidArgument(
        "'" + std::string(email.substr(0, kEmailBytesMax)) + "' is no email address",
        "write for example ann@example.com");
  }
  return Lower(email);
}

Result<std::optional<Account>> LoadAccount(Connection& connection, std::string_view id) {
  return FindWhere(connection, "WHERE id = ?", {id});
}

Status Users::CheckLimit(Connection& connection) const {
  if (!active_max_) return {};
  // The user of `--auth none` is nobody.
  JOEY_ASSIGN_OR_RETURN(
      const auto active,
      connection.QueryInt("SELECT count(*) FROM user WHERE enabled = 1 AND id <> ?",
                          {control::kDefaultUserId}));
  if (active.value_or(0) < *active_max_) return {};
  return {Code::kPermissionDenied,
          "You have reached a license limit in your Wallaroo instance. In order to add additional "
          "resources, you can remove some of your existing resources. If you have any questions "
          "contact us at community@wallaroo.ai: MAX_USERS_LIMIT_EXCEEDED",
          "deactivate a user first, or start joey serve with a larger --max-users (it is " +
              std::to_string(*active_max_) + ")"};
}

Result<Account> Users::Insert(const NewUser& user, bool first) {
  JOEY_ASSIGN_OR_RETURN(const std::string email, NormalEmail(user.email));
  JOEY_ASSIGN_OR_RETURN(const std::string username, NormalUsername(user.username, email));
  std::string hash;
  if (!user.password.empty()) {
    JOEY_RETURN_IF_ERROR(CheckNewPassword(user.password, email));
    JOEY_ASSIGN_OR_RETURN(hash, HashPassword(user.password));
  }
  const std::string id = user.id.empty() ? NewUuid() : user.id;
  std::optional<Account> made;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    if (first) {
      JOEY_ASSIGN_OR_RETURN(
          const auto administrators,
          connection.QueryInt("SELECT count(*) FROM user WHERE administrator = 1"));
      if (administrators.value_or(0) > 0) {
        return FailedPrecondition("this server has an administrator already",
                                  "ask the administrator for an account");
      }
    }
    JOEY_ASSIGN_OR_RETURN(
        const auto taken,
        connection.QueryInt("SELECT count(*) FROM user WHERE id = ? OR email = ? OR username = ?",
                            {id, email, username}));
    if (taken.value_or(0) > 0) {
      return AlreadyExists("there is a user " + (username == email ? email : username) + " already",
                           "choose another email and username");
    }
    JOEY_RETURN_IF_ERROR(CheckLimit(connection));
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("INSERT INTO user(id, email, username, password_hash, administrator, enabled, "
                 "created_at) VALUES (?, ?, ?, ?, ?, 1, ?)",
                 {id, email, username, hash, user.administrator, NowMicros()})
            .status());
    JOEY_ASSIGN_OR_RETURN(made, LoadAccount(connection, id));
    return {};
  }));
  epoch_.Bump();
  return *made;
}

Result<Account> Users::Create(const NewUser& user) { return Insert(user, false); }

Result<Account> Users::CreateFirstAdministrator(const NewUser& user) {
  NewUser administrator = user;
  administrator.administrator = true;
  return Insert(administrator, true);
}

Result<Account> Users::Sync(const NewUser& user) {
  JOEY_ASSIGN_OR_RETURN(const std::string email, NormalEmail(user.email));
  const Result<std::string> name = NormalUsername(user.username, email);
  const std::string username = name.ok() ? *name : email;
  std::optional<Account> known;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(known, LoadAccount(connection, user.id));
    return {};
  }));
  if (!known) {
    NewUser fresh = user;
    fresh.username = username;
    return Create(fresh);
  }
  const bool same = known->user.email == email && known->user.username == username &&
                    known->user.administrator == user.administrator;
  if (same) return *known;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        const auto taken,
        connection.QueryInt(
            "SELECT count(*) FROM user WHERE id <> ? AND (email = ? OR username = ?)",
            {user.id, email, username}));
    if (taken.value_or(0) > 0) return AlreadyExists("another user is " + email + " already");
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("UPDATE user SET email = ?, username = ?, administrator = ? WHERE id = ?",
                 {email, username, user.administrator, user.id})
            .status());
    JOEY_ASSIGN_OR_RETURN(known, LoadAccount(connection, user.id));
    return {};
  }));
  epoch_.Bump();
  return *known;
}

Result<Account> Users::Get(std::string_view id) {
  std::optional<Account> found;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(found, LoadAccount(connection, id));
    return {};
  }));
  if (!found) return NoSuchUser(id);
  return *found;
}

Result<std::optional<Account>> Users::FindByEmail(std::string_view email) {
  std::optional<Account> found;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(found, FindWhere(connection, "WHERE email = ?", {Lower(email)}));
    return {};
  }));
  return found;
}

Result<std::optional<Account>> Users::FindByLogin(std::string_view login) {
  const std::string name = Lower(login);
  std::optional<Account> found;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(found,
                          FindWhere(connection, "WHERE email = ? OR username = ?", {name, name}));
    return {};
  }));
  return found;
}

Result<std::vector<Account>> Users::List() {
  std::vector<Account> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(std::string(kSelect) + "ORDER BY email", {},
                            [&](const SqlRow& row) { out.push_back(AccountOf(row)); });
  }));
  return out;
}

Result<bool> Users::HasAdministrator() {
  bool has = false;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auto count,
                          connection.QueryInt("SELECT count(*) FROM user WHERE administrator = 1"));
    has = count.value_or(0) > 0;
    return {};
  }));
  return has;
}

Result<std::optional<Account>> Users::CheckPassword(std::string_view login,
                                                    std::string_view password) {
  const std::string name = Lower(login);
  std::optional<Account> found;
  std::string hash;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        found, FindWhere(connection, "WHERE email = ? OR username = ?", {name, name}, &hash));
    return {};
  }));
  const bool matches = PasswordMatches(password, hash);
  if (!matches || !found->enabled) return std::optional<Account>();
  return found;
}

Status Users::SetPassword(std::string_view id, std::string_view password,
                          std::string_view keep_session) {
  JOEY_ASSIGN_OR_RETURN(const Account account, Get(id));
  JOEY_RETURN_IF_ERROR(CheckNewPassword(password, account.user.email));
  JOEY_ASSIGN_OR_RETURN(const std::string hash, HashPassword(password));
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(
        connection.Run("UPDATE user SET password_hash = ? WHERE id = ?", {hash, id}).status());
    return EndSessions(connection, id, keep_session);
  }));
  epoch_.Bump();
  return {};
}

Status Users::SetEnabled(std::string_view id, bool enabled) {
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    if (!enabled) {
      JOEY_RETURN_IF_ERROR(CheckNotLastAdministrator(connection, id));
      JOEY_RETURN_IF_ERROR(EndSessions(connection, id, ""));
    } else {
      JOEY_ASSIGN_OR_RETURN(const auto account, LoadAccount(connection, id));
      if (account && !account->enabled) JOEY_RETURN_IF_ERROR(CheckLimit(connection));
    }
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t changed,
        connection.Run("UPDATE user SET enabled = ? WHERE id = ?", {enabled, id}));
    if (changed == 0) return NoSuchUser(id);
    return {};
  }));
  epoch_.Bump();
  return {};
}

Status Users::SetAdministrator(std::string_view id, bool administrator) {
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    if (!administrator) JOEY_RETURN_IF_ERROR(CheckNotLastAdministrator(connection, id));
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t changed,
        connection.Run("UPDATE user SET administrator = ? WHERE id = ?", {administrator, id}));
    if (changed == 0) return NoSuchUser(id);
    return {};
  }));
  epoch_.Bump();
  return {};
}

}  // namespace joey::auth
