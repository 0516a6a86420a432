#include "admin/metadata_dump.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "store/sqlite.h"

namespace joey::admin {

using nlohmann::json;

namespace {

struct Column {
  std::string name;
  std::string type;  // "INTEGER", "REAL" or "TEXT"
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::set<std::string> needs;  // tables that its rows refer to
  bool has_id = false;          // an integer
};

std::string Quoted(const std::string& name) { return '"' + name + '"'; }

std::string ColumnList(const Table& table) {
  std::string out;
  for (const Column& column : table.columns) out += (out.empty() ? "" : ", ") + Quoted(column.name);
  return out;
}

// Tables after those that they need; names of a cycle stay as they are.
std::vector<Table> InOrder(std::vector<Table> tables) {
  std::vector<Table> out;
  std::set<std::string> done;
  while (!tables.empty()) {
    auto next = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
      return std::includes(done.begin(), done.end(), table.needs.begin(), table.needs.end());
    });
    if (next == tables.end()) next = tables.begin();
    done.insert(next->name);
    out.push_back(std::move(*next));
    tables.erase(next);
  }
  return out;
}

// What the tables look like after these migrations, whichever store they are in: SQLite says it.
Result<std::vector<Table>> DescribeTables(std::span<const Migration> migrations) {
  JOEY_ASSIGN_OR_RETURN(const auto memory, OpenSqlite(":memory:", Connection::Access::kWrite));
  for (const Migration& migration : migrations) {
    JOEY_RETURN_IF_ERROR(memory->Script(std::string(migration.sql)));
  }
  std::vector<Table> tables;
  JOEY_RETURN_IF_ERROR(memory->Query(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' "
      "ORDER BY rowid",
      {}, [&](const SqlRow& row) { tables.push_back({row.Text(0)}); }));
  for (Table& table : tables) {
    JOEY_RETURN_IF_ERROR(memory->Query(
        "SELECT name, type FROM pragma_table_info(?)", {table.name}, [&](const SqlRow& row) {
          table.columns.push_back({row.Text(0), row.Text(1)});
          table.has_id |= row.Text(0) == "id" && row.Text(1) == "INTEGER";
        }));
    JOEY_RETURN_IF_ERROR(memory->Query("SELECT \"table\" FROM pragma_foreign_key_list(?)",
                                       {table.name}, [&](const SqlRow& row) {
                                         if (row.Text(0) != table.name) {
                                           table.needs.insert(row.Text(0));
                                         }
                                       }));
  }
  return InOrder(std::move(tables));
}

json ValueOf(const SqlRow& row, int column, const std::string& type) {
  if (row.IsNull(column)) return nullptr;
  if (type == "INTEGER") return row.Int(column);
  if (type == "REAL") return row.Double(column);
  return row.Text(column);
}

Status DumpTable(Connection& connection, const Table& table, const WriteLine& write) {
  json names = json::array();
  for (const Column& column : table.columns) names.push_back(column.name);
  JOEY_RETURN_IF_ERROR(write(json{{"table", table.name}, {"columns", std::move(names)}}.dump()));
  Status written;
  const std::string order = table.has_id ? " ORDER BY id" : "";
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT " + ColumnList(table) + " FROM " + Quoted(table.name) + order, {},
      [&](const SqlRow& row) {
        if (!written.ok()) return;
        json values = json::array();
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
          values.push_back(ValueOf(row, static_cast<int>(i), table.columns[i].type));
        }
        try {
          written = write(values.dump());
        } catch (const json::exception&) {
          written = {Code::kDataLoss, "a row of the table " + table.name + " is not UTF-8"};
        }
      }));
  return written;
}

Status Damaged(const std::string& what) {
  return {Code::kDataLoss, "the metadata of the backup is damaged: " + what, "use another backup"};
}

// Inserts the rows of one table that the lines describe.
class Loader {
 public:
  Loader(Connection& connection, const std::vector<Table>& tables)
      : connection_(connection), tables_(tables) {}

  Status Take(const json& line) {
    if (line.is_object()) return BeginTable(line);
    if (!line.is_array() || table_ == nullptr || line.size() != columns_) {
      return Damaged("a line is no row");
    }
    std::vector<SqlValue> values;
    for (const json& value : line) {
      if (value.is_null()) {
        values.emplace_back(nullptr);
      } else if (value.is_number_integer()) {
        values.emplace_back(value.get<std::int64_t>());
      } else if (value.is_number()) {
        values.emplace_back(value.get<double>());
      } else if (value.is_string()) {
        values.emplace_back(value.get_ref<const std::string&>());
      } else {
        return Damaged("a value of the table " + table_->name + " is neither number nor text");
      }
    }
    return connection_.Run(insert_, values).status();
  }

 private:
  Status BeginTable(const json& line) {
    const std::string name = line.value("table", "");
    const auto found = std::find_if(tables_.begin(), tables_.end(),
                                    [&](const Table& table) { return table.name == name; });
    if (found == tables_.end()) return Damaged("there is no table '" + name + "'");
    table_ = &*found;
    columns_ = table_->columns.size();
    json names = json::array();
    std::string places;
    for (const Column& column : table_->columns) {
      names.push_back(column.name);
      places += places.empty() ? "?" : ", ?";
    }
    if (line.value("columns", json()) != names) {
      return Damaged("the table " + name + " has other columns");
    }
    insert_ =
        "INSERT INTO " + Quoted(name) + "(" + ColumnList(*table_) + ") VALUES (" + places + ")";
    return {};
  }

  Connection& connection_;
  const std::vector<Table>& tables_;
  const Table* table_ = nullptr;
  std::size_t columns_ = 0;
  std::string insert_;
};

Status LoadRows(Connection& connection, const std::vector<Table>& tables, std::string_view dump) {
  Loader loader(connection, tables);
  while (!dump.empty()) {
    const std::size_t end = std::min(dump.find('\n'), dump.size());
    const json line = json::parse(dump.substr(0, end), nullptr, false);
    if (line.is_discarded()) return Damaged("a line is no JSON");
    JOEY_RETURN_IF_ERROR(loader.Take(line));
    dump.remove_prefix(std::min(end + 1, dump.size()));
  }
  for (const Table& table : tables) {
    if (table.has_id) JOEY_RETURN_IF_ERROR(connection.ContinueIds(table.name));
  }
  return {};
}

}  // namespace

Result<std::int64_t> DumpMetadata(Database& database, std::span<const Migration> migrations,
                                  const WriteLine& write) {
  std::int64_t version = 0;
  JOEY_RETURN_IF_ERROR(database.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(version, connection.SchemaVersion());
    if (version > static_cast<std::int64_t>(migrations.size())) {
      return FailedPrecondition("the metadata database was changed by a newer joey",
                                "make the backup with that joey");
    }
    JOEY_ASSIGN_OR_RETURN(const std::vector<Table> tables,
                          DescribeTables(migrations.first(static_cast<std::size_t>(version))));
    for (const Table& table : tables) {
      JOEY_RETURN_IF_ERROR(DumpTable(connection, table, write));
    }
    return {};
  }));
  return version;
}

Status LoadMetadata(const std::string& location, std::span<const Migration> migrations,
                    std::int64_t version, std::string_view dump) {
  if (version < 0 || version > static_cast<std::int64_t>(migrations.size())) {
    return FailedPrecondition("the backup was made by a newer joey (schema " +
                                  std::to_string(version) + ", this one knows " +
                                  std::to_string(migrations.size()) + ")",
                              "restore it with that joey or a newer one");
  }
  const auto seen = migrations.first(static_cast<std::size_t>(version));
  JOEY_ASSIGN_OR_RETURN(const std::vector<Table> tables, DescribeTables(seen));
  {
    JOEY_ASSIGN_OR_RETURN(const auto database, Database::OpenAsItIs(location));
    // Tables and rows in one transaction: a restore that fails leaves nothing behind.
    JOEY_RETURN_IF_ERROR(database->Write([&](Connection& connection) -> Status {
      JOEY_ASSIGN_OR_RETURN(const bool empty, connection.IsEmpty());
      if (!empty) {
        return FailedPrecondition(
            "the database " + WithoutPassword(location) + " has tables already",
            "restore into an empty database or schema");
      }
      std::int64_t number = 0;
      for (const Migration& migration : seen) {
        const bool own = IsPostgresql(location) && !migration.postgresql.empty();
        JOEY_RETURN_IF_ERROR(
            connection.Script(std::string(own ? migration.postgresql : migration.sql)));
        JOEY_RETURN_IF_ERROR(connection.SetSchemaVersion(++number));
      }
      // Migrations may have put in rows of their own.
      for (auto table = tables.rbegin(); table != tables.rend(); ++table) {
        JOEY_RETURN_IF_ERROR(connection.Run("DELETE FROM " + Quoted(table->name)).status());
      }
      return LoadRows(connection, tables, dump);
    }));
  }
  return Database::Open(location, migrations).status();
}

}  // namespace joey::admin
