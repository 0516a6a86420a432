#include "cli/users.h"

#include <fmt/core.h>

#include <functional>
#include <memory>
#include <string>

#include "auth/api_tokens.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/secret_input.h"
#include "store/database.h"
#include "store/schema.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

struct Arguments {
  std::string data = "./joey-data";
  std::string metadata;
  std::string email;
  std::string username;
  std::string name;
  std::string id;
  std::int64_t days = 0;
  bool administrator = false;
  bool password_stdin = false;
  bool no_password = false;
};

// The identity part of the metadata, also while joey serve uses it: the database has its own locks.
struct Identity {
  std::unique_ptr<Database> database;
  auth::Epoch epoch;
  std::unique_ptr<auth::Users> users;
  std::unique_ptr<auth::ApiTokens> tokens;

  Status Open(const std::string& data, const std::string& metadata) {
    JOEY_RETURN_IF_ERROR(MakeDirectories(data));
    const std::string location = metadata.empty() ? data + "/joey.db" : metadata;
    JOEY_ASSIGN_OR_RETURN(database, Database::Open(location, MetadataMigrations()));
    users = std::make_unique<auth::Users>(*database, epoch);
    tokens = std::make_unique<auth::ApiTokens>(*database, epoch);
    return {};
  }

  Result<auth::Account> Find(const std::string& login) const {
    JOEY_ASSIGN_OR_RETURN(const auto found, users->FindByLogin(login));
    if (found) return *found;
    return NotFound("there is no user " + login, "list the users with 'joey user list'");
  }
};

Status CreateUser(Identity& identity, const Arguments& arguments) {
  auth::NewUser user;
  user.email = arguments.email;
  user.username = arguments.username;
  user.administrator = arguments.administrator;
  JOEY_RETURN_IF_ERROR(auth::NormalEmail(user.email).status());
  if (!arguments.no_password) {
    JOEY_ASSIGN_OR_RETURN(user.password, ReadNewPassword(arguments.password_stdin));
    if (user.password.empty()) return InvalidArgument("the password is empty", "choose one");
  }
  JOEY_ASSIGN_OR_RETURN(const auth::Account made, identity.users->Create(user));
  fmt::print("{}\n", made.user.id);
  return {};
}

Status ListUsers(Identity& identity, const Arguments&) {
  JOEY_ASSIGN_OR_RETURN(const auto users, identity.users->List());
  for (const auth::Account& account : users) {
    fmt::print("{}\t{}\t{}\t{}\t{}\n", account.user.id, account.user.email, account.user.username,
               account.user.administrator ? "administrator" : "user",
               account.enabled ? "enabled" : "disabled");
  }
  return {};
}

Status SetPassword(Identity& identity, const Arguments& arguments) {
  JOEY_ASSIGN_OR_RETURN(const auth::Account account, identity.Find(arguments.email));
  JOEY_ASSIGN_OR_RETURN(const std::string password, ReadNewPassword(arguments.password_stdin));
  return identity.users->SetPassword(account.user.id, password);
}

std::function<Status(Identity&, const Arguments&)> SetEnabled(bool enabled) {
  return [enabled](Identity& identity, const Arguments& arguments) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auth::Account account, identity.Find(arguments.email));
    return identity.users->SetEnabled(account.user.id, enabled);
  };
}

std::function<Status(Identity&, const Arguments&)> SetAdministrator(bool administrator) {
  return [administrator](Identity& identity, const Arguments& arguments) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auth::Account account, identity.Find(arguments.email));
    return identity.users->SetAdministrator(account.user.id, administrator);
  };
}

Status CreateToken(Identity& identity, const Arguments& arguments) {
  JOEY_ASSIGN_OR_RETURN(const auth::Account account, identity.Find(arguments.email));
  std::optional<std::int64_t> days;
  if (arguments.days != 0) days = arguments.days;
  JOEY_ASSIGN_OR_RETURN(const auth::NewApiToken made,
                        identity.tokens->Create(account.user.id, arguments.name, days));
  fmt::print("{}\n", made.secret);
  return {};
}

Status ListTokens(Identity& identity, const Arguments&) {
  JOEY_ASSIGN_OR_RETURN(const auto tokens, identity.tokens->List(std::nullopt));
  for (const auth::ApiToken& token : tokens) {
    fmt::print("{}\t{}\t{}\t{}\t{}\n", token.id, token.email, token.name,
               FormatMicros(token.created_at),
               token.expires_at ? FormatMicros(*token.expires_at) : "never");
  }
  return {};
}

Status RevokeToken(Identity& identity, const Arguments& arguments) {
  return identity.tokens->Revoke(arguments.id, std::nullopt);
}

using Action = std::function<Status(Identity&, const Arguments&)>;

// A subcommand that opens the data directory and does `action`.
CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& description,
              const std::shared_ptr<Arguments>& arguments, const Action& action) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->callback([arguments, action] {
    Identity identity;
    Status status = identity.Open(arguments->data, arguments->metadata);
    if (status.ok()) status = action(identity, *arguments);
    if (!status.ok()) fmt::print(stderr, "joey: {}\n", status.ToString());
    throw CLI::RuntimeError(status.ok() ? 0 : kExitFailed);
  });
  return command;
}

std::shared_ptr<Arguments> AddParent(CLI::App& app, CLI::App*& command, const std::string& name,
                                     const std::string& description) {
  auto arguments = std::make_shared<Arguments>();
  command = app.add_subcommand(name, description);
  command->require_subcommand(1);
  command->add_option("--data", arguments->data, "Directory of everything that is kept")
      ->capture_default_str();
  command
      ->add_option("--metadata", arguments->metadata,
                   "postgresql://USER@HOST/DATABASE, if joey serve is given it")
      ->envname("JOEY_METADATA");
  return arguments;
}

}  // namespace

void AddUserCommand(CLI::App& app) {
  CLI::App* parent = nullptr;
  const auto arguments = AddParent(app, parent, "user", "Create, list and change users");
  const auto with_email = [&](CLI::App* command) {
    command->add_option("EMAIL", arguments->email, "Email or username")->required();
    return command;
  };
  const auto with_password = [&](CLI::App* command) {
    command->add_flag("--password-stdin", arguments->password_stdin,
                      "Take the password from the standard input instead of the terminal");
    return command;
  };
  CLI::App* create = with_password(
      with_email(Add(*parent, "create", "Create a user; prints the id", arguments, CreateUser)));
  create->add_option("--username", arguments->username, "A name to sign in with beside the email");
  create->add_flag("--administrator", arguments->administrator, "May do everything");
  create->add_flag("--no-password", arguments->no_password,
                   "Do not ask for a password: the user has API tokens only");
  Add(*parent, "list", "List: id, email, username, role, state", arguments, ListUsers);
  with_password(with_email(
      Add(*parent, "passwd", "Set a user's password; ends all sessions", arguments, SetPassword)));
  with_email(Add(*parent, "enable", "Let a disabled user in again", arguments, SetEnabled(true)));
  with_email(
      Add(*parent, "disable", "Lock a user out; ends all sessions", arguments, SetEnabled(false)));
  with_email(
      Add(*parent, "promote", "Make a user administrator", arguments, SetAdministrator(true)));
  with_email(Add(*parent, "demote", "Take the administrator's rights away", arguments,
                 SetAdministrator(false)));
}

void AddTokenCommand(CLI::App& app) {
  CLI::App* parent = nullptr;
  const auto arguments = AddParent(app, parent, "token", "Create, list and revoke API tokens");
  CLI::App* create =
      Add(*parent, "create", "Create an API token; prints it, once", arguments, CreateToken);
  create->add_option("EMAIL", arguments->email, "For whom: email or username")->required();
  create->add_option("--name", arguments->name, "What will use it")->required();
  create->add_option("--days", arguments->days, "Until it expires; for ever where not given");
  Add(*parent, "list", "List: id, user, name, created, expires", arguments, ListTokens);
  Add(*parent, "revoke", "End an API token", arguments, RevokeToken)
      ->add_option("ID", arguments->id, "As 'joey token list' shows it")
      ->required();
}

}  // namespace joey::cli
