#include "store/database.h"

#include <utility>

#include "base/clock.h"
#include "base/limits.h"

namespace joey {
namespace {

Status Migrate(Connection& connection, std::span<const Migration> migrations) {
  JOEY_ASSIGN_OR_RETURN(const auto stored, connection.QueryInt("PRAGMA user_version"));
  const std::int64_t version = stored.value_or(0);
  const auto known = static_cast<std::int64_t>(migrations.size());
  if (version > known) {
    return FailedPrecondition(
        "the data directory has schema " + std::to_string(version) +
            ", this joey knows schemas up to " + std::to_string(known),
        "start the newer joey that wrote it, or use another --data directory");
  }
  for (std::int64_t next = version; next < known; ++next) {
    const Migration& migration = migrations[static_cast<std::size_t>(next)];
    JOEY_RETURN_IF_ERROR(connection.Script("BEGIN IMMEDIATE"));
    Status status = connection.Script(std::string(migration.sql));
    // The version is part of the same transaction: a crash leaves a step done or not begun.
    if (status.ok()) {
      status = connection.Script("PRAGMA user_version = " + std::to_string(next + 1));
    }
    if (status.ok()) status = connection.Script("COMMIT");
    if (!status.ok()) {
      (void)connection.Script("ROLLBACK");
      return status.WithContext("migration '" + std::string(migration.name) + "'");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                 std::span<const Migration> migrations) {
  std::unique_ptr<Database> database(new Database(path));
  JOEY_ASSIGN_OR_RETURN(database->writer_, Connection::Open(path, Connection::Mode::kReadWrite));
  JOEY_RETURN_IF_ERROR(
      database->writer_->Script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  JOEY_RETURN_IF_ERROR(Migrate(*database->writer_, migrations));
  return database;
}

Database::~Database() = default;

Status Database::Write(const std::function<Status(Connection&)>& body) {
  std::lock_guard lock(writer_mutex_);
  JOEY_RETURN_IF_ERROR(writer_->Run("BEGIN IMMEDIATE").status());
  Status status = body(*writer_);
  if (status.ok()) status = writer_->Run("COMMIT").status();
  if (!status.ok()) (void)writer_->Run("ROLLBACK");
  return status;
}

Status Database::Read(const std::function<Status(Connection&)>& body) {
  std::unique_ptr<Connection> reader;
  {
    std::unique_lock lock(readers_mutex_);
    reader_free_.wait(
        lock, [&] { return !readers_.empty() || readers_open_ < limits::kDatabaseReadersMax; });
    if (!readers_.empty()) {
      reader = std::move(readers_.back());
      readers_.pop_back();
    } else {
      ++readers_open_;
    }
  }
  Status status;
  if (reader == nullptr) {
    auto opened = Connection::Open(path_, Connection::Mode::kReadOnly);
    if (opened.ok()) {
      reader = std::move(opened).value();
    } else {
      status = opened.status();
    }
  }
  if (reader != nullptr) {
    status = reader->Run("BEGIN").status();
    if (status.ok()) status = body(*reader);
    (void)reader->Run("ROLLBACK");
  }
  std::lock_guard lock(readers_mutex_);
  if (reader != nullptr) {
    readers_.push_back(std::move(reader));
  } else {
    --readers_open_;
  }
  reader_free_.notify_one();
  return status;
}

}  // namespace joey
