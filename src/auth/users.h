// The users of this server. What is asked for and not there is NotFound. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/epoch.h"
#include "control/records.h"
#include "store/database.h"

namespace joey::auth {

struct Account {
  control::User user;
  bool enabled = true;
  bool has_password = false;
  std::int64_t created_at = 0;
};

struct NewUser {
  std::string email;
  std::string username;  // empty: the email
  std::string password;  // empty: the user cannot sign in by password
  bool administrator = false;
  std::string id;  // empty: a new UUID
};

class Users {
 public:
  // `active_max` enabled users at most; nullopt: any number.
  Users(Database& database, Epoch& epoch, std::optional<std::int64_t> active_max = std::nullopt)
      : database_(database), epoch_(epoch), active_max_(active_max) {}

  // AlreadyExists when the email or username is taken, PermissionDenied (as the public client
  // expects it) beyond the limit of users.
  Result<Account> Create(const NewUser& user);
  // Like Create(), but only while there is no administrator; FailedPrecondition afterwards.
  Result<Account> CreateFirstAdministrator(const NewUser& user);

  // The user of another provider: made or brought up to date, by id.
  Result<Account> Sync(const NewUser& user);

  Result<Account> Get(std::string_view id);
  Result<std::optional<Account>> FindByEmail(std::string_view email);
  Result<std::optional<Account>> FindByLogin(std::string_view email_or_username);
  Result<std::vector<Account>> List();  // in order of email
  Result<bool> HasAdministrator();

  // Whose password it is; nullopt for a wrong one, an unknown or a disabled user, all of which take
  // the same time.
  Result<std::optional<Account>> CheckPassword(std::string_view login, std::string_view password);

  // Ends the user's sessions, except `keep_session`.
  Status SetPassword(std::string_view id, std::string_view password,
                     std::string_view keep_session = "");
  // Disabling ends all sessions of the user, and tokens are not taken while it lasts.
  // FailedPrecondition for the last enabled administrator, and as Create() beyond the limit.
  Status SetEnabled(std::string_view id, bool enabled);
  Status SetAdministrator(std::string_view id, bool administrator);

 private:
  Result<Account> Insert(const NewUser& user, bool first);
  Status CheckLimit(Connection& connection) const;

  Database& database_;
  Epoch& epoch_;
  const std::optional<std::int64_t> active_max_;
};

// The user of that id in a running transaction.
Result<std::optional<Account>> LoadAccount(Connection& connection, std::string_view id);

// "ann@example.com": lower case as stored; InvalidArgument when it is no address.
Result<std::string> NormalEmail(std::string_view email);

}  // namespace joey::auth
