#include "store/database.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/plugin.h"
#include "store/postgresql_plugin.h"
#include "store/sqlite.h"

namespace joey {
namespace {

Result<std::unique_ptr<Connection>> OpenPostgresql(const std::string& url) {
  static const Result<void*> symbol =
      OpenPlugin("joey_postgresql", kPostgresqlOpen,
                 "install the library beside joey and libpq5 with it, or do without --metadata");
  JOEY_ASSIGN_OR_RETURN(void* const found, symbol);
  Status status;
  auto* const open = reinterpret_cast<PostgresqlOpen*>(found);
  std::unique_ptr<Connection> connection(open(url, status));
  if (connection == nullptr) return status;
  return connection;
}

Result<std::unique_ptr<Connection>> OpenConnection(const std::string& location,
                                                   Connection::Access access) {
  return IsPostgresql(location) ? OpenPostgresql(location) : OpenSqlite(location, access);
}

Status CheckLocation(const std::string& location) {
  const std::size_t scheme = location.find("://");
  if (scheme == std::string::npos || IsPostgresql(location)) return {};
  return InvalidArgument(
      "there is no metadata store '" + location.substr(0, scheme) + "'",
      "use postgresql://USER@HOST/DATABASE, or none for SQLite in the data directory");
}

}  // namespace

bool IsPostgresql(std::string_view location) {
  return location.starts_with("postgresql://") || location.starts_with("postgres://");
}

std::string WithoutPassword(std::string_view location) {
  std::string out(location);
  const std::size_t scheme = out.find("://");
  if (scheme == std::string::npos) return out;
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(out.find_first_of("/?", begin), out.size());
  const std::size_t at = out.rfind('@', end);
  const std::size_t colon = out.find(':', begin);
  if (at != std::string::npos && at > begin && colon < at) out.erase(colon, at - colon);
  for (const char* key : {"?password=", "&password="}) {
    if (const std::size_t found = out.find(key); found != std::string::npos) {
      const std::size_t value = found + std::string_view(key).size();
      out.replace(value, std::min(out.find('&', value), out.size()) - value, "…");
    }
  }
  return out;
}

Result<std::unique_ptr<Database>> Database::OpenAsItIs(const std::string& location) {
  JOEY_RETURN_IF_ERROR(CheckLocation(location));
  return std::unique_ptr<Database>(new Database(location));
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& location,
                                                 std::span<const Migration> migrations) {
  JOEY_RETURN_IF_ERROR(CheckLocation(location));
  std::unique_ptr<Database> database(new Database(location));
  JOEY_RETURN_IF_ERROR(database->Migrate(migrations));
  return database;
}

Database::~Database() = default;

Status Database::Migrate(std::span<const Migration> migrations) {
  const auto known = static_cast<std::int64_t>(migrations.size());
  std::int64_t version = 0;
  do {
    // The version is read and changed in the transaction of its migration: a crash leaves a step
    // done or not begun, and of two servers that start one finds it done.
    std::string_view step;
    Status status = Write([&](Connection& connection) -> Status {
      JOEY_ASSIGN_OR_RETURN(version, connection.SchemaVersion());
      if (version >= known) return {};
      const Migration& migration = migrations[static_cast<std::size_t>(version)];
      step = migration.name;
      const bool own = IsPostgresql(location_) && !migration.postgresql.empty();
      JOEY_RETURN_IF_ERROR(
          connection.Script(std::string(own ? migration.postgresql : migration.sql)));
      ++version;
      return connection.SetSchemaVersion(version);
    });
    if (!status.ok() && step.empty()) return status;
    if (!status.ok()) return status.WithContext("migration '" + std::string(step) + "'");
  } while (version < known);
  if (version == known) return {};
  return FailedPrecondition(
      "the metadata database has schema " + std::to_string(version) +
          ", this joey knows schemas up to " + std::to_string(known),
      "start the newer joey that wrote it, or use another --data directory or --metadata database");
}

Status Database::Begin(std::unique_ptr<Connection>& connection, Connection::Access access) const {
  if (connection != nullptr) {
    Status status = connection->Begin(access);
    if (!connection->lost()) return status;
    connection.reset();
  }
  JOEY_ASSIGN_OR_RETURN(connection, OpenConnection(location_, access));
  return connection->Begin(access);
}

Status Database::Write(const std::function<Status(Connection&)>& body) {
  std::lock_guard lock(writer_mutex_);
  JOEY_RETURN_IF_ERROR(Begin(writer_, Connection::Access::kWrite));
  Status status = body(*writer_);
  if (status.ok()) status = writer_->Commit();
  if (!status.ok()) writer_->Rollback();
  if (writer_->lost()) writer_.reset();
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
  Status status = Begin(reader, Connection::Access::kRead);
  if (status.ok()) status = body(*reader);
  if (reader != nullptr) {
    reader->Rollback();
    if (reader->lost()) reader.reset();
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
