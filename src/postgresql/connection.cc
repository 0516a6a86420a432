#include "postgresql/connection.h"

#include <libpq-fe.h>

#include <charconv>
#include <cstdlib>
#include <unordered_map>
#include <utility>
#include <vector>

#include "postgresql/dialect.h"

namespace joey::postgresql {
namespace {

constexpr int kServerVersionMin = 130000;

// Of types.h of the server: they never change.
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kFloat8 = 701;

// Writers of all servers queue for this lock, one for each schema; "joey" in ASCII.
constexpr char kWriteLock[] =
    "SELECT pg_advisory_xact_lock(1785685369, hashtext(current_schema()))";

// A server that hangs inside a transaction must not hold up the others for ever.
constexpr char kSettings[] =
    "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; "
    "SET client_min_messages = error";

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

std::string OneLine(const char* text) {
  std::string out(text == nullptr ? "" : text);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out) {
    if (c == '\n') c = ' ';
  }
  return out;
}

Status Unreachable(const std::string& what) {
  return Unavailable("the metadata database cannot be reached: " + what,
                     "see that PostgreSQL runs; joey connects again by itself");
}

Oid TypeOf(const SqlValue& value) {
  switch (value.type()) {
    case SqlValue::Type::kInteger:
      return kInt8;
    case SqlValue::Type::kReal:
      return kFloat8;
    case SqlValue::Type::kText:
      return kText;
    case SqlValue::Type::kUnknown:
      break;
  }
  return 0;  // what the place in the statement asks for
}

// The parameters of one call as libpq wants them.
class Parameters {
 public:
  explicit Parameters(SqlValues values) {
    numbers_.reserve(values.size());  // pointers into it stay
    for (const SqlValue& value : values) {
      types_.push_back(TypeOf(value));
      std::visit([this](const auto& one) { Add(one); }, value.get());
    }
  }

  int count() const { return static_cast<int>(pointers_.size()); }
  const Oid* types() const { return types_.data(); }
  const char* const* pointers() const { return pointers_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  // Statements are prepared once for each combination of types.
  std::string Signature() const {
    std::string out;
    for (const Oid type : types_) out += ' ' + std::to_string(type);
    return out;
  }

 private:
  void Add(std::nullptr_t) { AddText(nullptr, 0, false); }
  void Add(std::int64_t number) { AddNumber(std::to_string(number)); }
  void Add(double number) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    AddNumber(std::string(text, end));
  }
  // As it is, by its length: texts need not end in NUL.
  void Add(std::string_view text) {
    AddText(text.empty() ? "" : text.data(), static_cast<int>(text.size()), true);
  }

  void AddNumber(std::string text) {
    numbers_.push_back(std::move(text));
    AddText(numbers_.back().c_str(), 0, false);
  }
  void AddText(const char* data, int size, bool binary) {
    pointers_.push_back(data);
    lengths_.push_back(size);
    formats_.push_back(binary ? 1 : 0);
  }

  std::vector<Oid> types_;
  std::vector<const char*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::string> numbers_;
};

class Row final : public SqlRow {
 public:
  Row(const PGresult* result, int row) : result_(result), row_(row) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  std::int64_t Int(int column) const override {
    const std::string_view text = View(column);
    if (text == "t") return 1;  // of a condition; "f" is 0
    std::int64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }
  double Double(int column) const override {
    return std::strtod(PQgetvalue(result_, row_, column), nullptr);
  }
  std::string Text(int column) const override { return std::string(View(column)); }

 private:
  std::string_view View(int column) const {
    return {PQgetvalue(result_, row_, column),
            static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }

  const PGresult* result_;
  int row_;
};

class PostgresqlConnection final : public Connection {
 public:
  explicit PostgresqlConnection(PGconn* handle) : handle_(handle) {}
  ~PostgresqlConnection() override { PQfinish(handle_); }

  Status Configure() {
    if (PQstatus(handle_) != CONNECTION_OK) return Unreachable(OneLine(PQerrorMessage(handle_)));
    PQsetNoticeProcessor(
        handle_, [](void*, const char*) {}, nullptr);
    if (PQserverVersion(handle_) < kServerVersionMin) {
      return FailedPrecondition(
          "the metadata database is PostgreSQL " + std::to_string(PQserverVersion(handle_) / 10000),
          "use PostgreSQL " + std::to_string(kServerVersionMin / 10000) + " or newer");
    }
    return Script(kSettings);
  }

  bool lost() const override { return lost_ || PQstatus(handle_) != CONNECTION_OK; }

  Status Script(const std::string& sql) override {
    return Check(Answer(PQexec(handle_, Translate(sql).c_str())), sql).status();
  }

  Result<std::int64_t> Run(std::string_view sql, SqlValues values) override {
    JOEY_ASSIGN_OR_RETURN(const Answer answer, Execute(sql, values));
    return std::atoll(PQcmdTuples(answer.get()));
  }

  Status Query(std::string_view sql, SqlValues values,
               const std::function<void(const SqlRow&)>& row) override {
    JOEY_ASSIGN_OR_RETURN(const Answer answer, Execute(sql, values));
    const int rows = PQntuples(answer.get());
    for (int i = 0; i < rows; ++i) row(Row(answer.get(), i));
    return {};
  }

  Status Begin(Access access) override {
    if (access == Access::kRead) {
      return Script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    }
    // The lock is a statement of its own: those after it see what its last holder has committed.
    JOEY_RETURN_IF_ERROR(Script("BEGIN ISOLATION LEVEL READ COMMITTED"));
    Status status = Script(kWriteLock);
    if (!status.ok()) Rollback();
    return status;
  }

  Status Commit() override {
    Result<Answer> answer = Check(Answer(PQexec(handle_, "COMMIT")), "COMMIT");
    if (!answer.ok()) {
      if (!lost()) return answer.status();
      return Unavailable(
          "the connection to the metadata database was lost while a change was being kept: "
          "nobody knows whether it was",
          "look whether it is there before you try again");
    }
    // An error before, which somebody has passed over, turns it into a rollback.
    if (std::string_view(PQcmdStatus(answer->get())) == "COMMIT") return {};
    return Internal("a change of the metadata database was given up after an error inside it");
  }

  void Rollback() override {
    if (!lost()) (void)Script("ROLLBACK");
  }

  Result<std::int64_t> SchemaVersion() override {
    JOEY_ASSIGN_OR_RETURN(const auto known,
                          QueryInt("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() "
                                   "AND tablename = 'joey_schema'"));
    if (!known) return 0;
    JOEY_ASSIGN_OR_RETURN(const auto version, QueryInt("SELECT max(version) FROM joey_schema"));
    return version.value_or(0);
  }

  Status SetSchemaVersion(std::int64_t version) override {
    return Script(
        "CREATE TABLE IF NOT EXISTS joey_schema (version INTEGER PRIMARY KEY); "
        "INSERT INTO joey_schema VALUES (" +
        std::to_string(version) + ")");
  }

  Result<bool> IsEmpty() override {
    JOEY_ASSIGN_OR_RETURN(
        const auto tables,
        QueryInt("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"));
    return tables.value_or(0) == 0;
  }

  Status ContinueIds(const std::string& table) override {
    // Nothing happens for a table whose id is no identity.
    const std::string name = '"' + table + '"';
    return Query("SELECT setval(pg_get_serial_sequence('" + name +
                     "', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM " + name + "), false)",
                 {}, [](const SqlRow&) {});
  }

 private:
  Result<Answer> Execute(std::string_view sql, SqlValues values) {
    const Parameters parameters(values);
    std::string key = std::string(sql) + parameters.Signature();
    auto found = statements_.find(key);
    if (found == statements_.end()) {
      std::string name = "joey" + std::to_string(statements_.size());
      JOEY_RETURN_IF_ERROR(Check(Answer(PQprepare(handle_, name.c_str(), Translate(sql).c_str(),
                                                  parameters.count(), parameters.types())),
                                 sql)
                               .status());
      found = statements_.emplace(std::move(key), std::move(name)).first;
    }
    return Check(Answer(PQexecPrepared(handle_, found->second.c_str(), parameters.count(),
                                       parameters.pointers(), parameters.lengths(),
                                       parameters.formats(), 0)),
                 sql);
  }

  Result<Answer> Check(Answer answer, std::string_view sql) {
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return answer;
    const char* const field = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
    return ErrorOf(field == nullptr ? "" : field, sql);
  }

  Status ErrorOf(std::string_view state, std::string_view sql) {
    const std::string text = OneLine(PQerrorMessage(handle_));
    const std::string_view family = state.substr(0, 2);
    // 57P01 … 57P03: the server is being stopped or starts; 25P03: we were idle for too long.
    if (PQstatus(handle_) != CONNECTION_OK || state.starts_with("57P") || state == "25P03") {
      lost_ = true;
      return Unreachable(text);
    }
    const std::string message = "metadata database: " + text;
    if (family == "23") return AlreadyExists(message);
    if (family == "53") return ResourceExhausted(message, "see to the PostgreSQL server");
    if (family == "40" || state == "55P03" || state == "57014") {
      return Unavailable(message, "try again");
    }
    if (family == "22") {
      return InvalidArgument(message, "texts are UTF-8 without NUL, numbers fit 64 bits");
    }
    if (state == "42501") {
      return FailedPrecondition(message, "let joey's user own the database or its schema");
    }
    if (family == "XX") return {Code::kDataLoss, message, "see to the PostgreSQL server"};
    return Internal(message).WithContext(sql.substr(0, 200));
  }

  PGconn* const handle_;
  bool lost_ = false;
  std::unordered_map<std::string, std::string> statements_;  // name by text and types
};

}  // namespace

Result<std::unique_ptr<Connection>> Open(const std::string& url) {
  // Later ones win: what the URL says over what is said here, but for the encoding.
  const char* const names[] = {"connect_timeout",
                               "application_name",
                               "keepalives_idle",
                               "keepalives_interval",
                               "keepalives_count",
                               "tcp_user_timeout",
                               "dbname",
                               "client_encoding",
                               nullptr};
  const char* const values[] = {"5", "joey", "10", "5", "3", "15000", url.c_str(), "UTF8", nullptr};
  auto connection =
      std::make_unique<PostgresqlConnection>(PQconnectdbParams(names, values, /*expand_dbname=*/1));
  JOEY_RETURN_IF_ERROR(connection->Configure());
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace joey::postgresql
