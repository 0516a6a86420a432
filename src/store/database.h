// The metadata database: one SQLite file in WAL mode, one writer and a few readers.
//
// Durability (docs/adr/0003): when Write() returns ok the change survives kill -9 of this process
// and loss of power. A change that was not yet answered is there whole or not at all.
//
// Threads: all functions may be called from any thread. Writes run one after the other; reads run
// beside them on their own snapshot. Callbacks must not call Read() or Write() of the same
// database.
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
};

class Database {
 public:
  // Opens or creates `path` and brings its schema up to date, each migration in its own
  // transaction. FailedPrecondition when the file was written by a newer Joey.
  static Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                std::span<const Migration> migrations);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body` in a transaction that is committed when it returns ok and rolled back otherwise.
  Status Write(const std::function<Status(Connection&)>& body);

  // Runs `body` on a consistent snapshot.
  Status Read(const std::function<Status(Connection&)>& body);

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::mutex writer_mutex_;
  std::unique_ptr<Connection> writer_;  // guarded by writer_mutex_
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<Connection>> readers_;  // idle ones; guarded by readers_mutex_
  int readers_open_ = 0;                              // guarded by readers_mutex_
};

}  // namespace joey
