// The metadata store: a SQLite file, or a PostgreSQL database that several servers share. One
// writer, a few readers.
//
// Durability (docs/adr/0003): when Write() returns ok the change survives kill -9 of this process
// and loss of power. A change that was not yet answered is there whole or not at all.
//
// Threads: all functions may be called from any thread. Writes run one after the other, those of
// other servers included; reads run beside them on their own snapshot. Callbacks must not call
// Read() or Write() of the same database.
//
// A connection that is lost is opened anew by the next call; the call that lost it is Unavailable.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/connection.h"

namespace joey {

// One step of the schema; its number is its place in the list, counted from 1.
struct Migration {
  std::string_view name;
  std::string_view sql;
  // For PostgreSQL, where the translation of `sql` does not do (store/README.md); else empty.
  std::string_view postgresql = {};
};

class Database {
 public:
  // Opens or creates the store at `location`, a path or a URL postgresql://…, and brings its schema
  // up to date, each migration in its own transaction and once, however many servers start.
  // FailedPrecondition when it was written by a newer Joey.
  static Result<std::unique_ptr<Database>> Open(const std::string& location,
                                                std::span<const Migration> migrations);
  // One whose schema is left as it is; it is opened by the first call.
  static Result<std::unique_ptr<Database>> OpenAsItIs(const std::string& location);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body` in a transaction that is committed when it returns ok and rolled back otherwise.
  Status Write(const std::function<Status(Connection&)>& body);

  // Runs `body` on a consistent snapshot.
  Status Read(const std::function<Status(Connection&)>& body);

 private:
  explicit Database(std::string location) : location_(std::move(location)) {}
  Status Migrate(std::span<const Migration> migrations);
  // Begins a transaction on `connection`, which is opened when there is none or when it was lost.
  Status Begin(std::unique_ptr<Connection>& connection, Connection::Access access) const;

  const std::string location_;
  std::mutex writer_mutex_;
  std::unique_ptr<Connection> writer_;  // guarded by writer_mutex_
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<Connection>> readers_;  // idle ones; guarded by readers_mutex_
  int readers_open_ = 0;                              // guarded by readers_mutex_
};

bool IsPostgresql(std::string_view location);
// For people: a location without the password that a URL may hold.
std::string WithoutPassword(std::string_view location);

}  // namespace joey
