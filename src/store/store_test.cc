#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/files.h"
#include "base/sha256.h"
#include "store/database.h"
#include "store/model_files.h"
#include "store/schema.h"
#include "store/store_test_support.h"

namespace joey {
namespace {

constexpr Migration kTwo[] = {{"one", "CREATE TABLE t (n INTEGER)"},
                              {"two", "ALTER TABLE t ADD COLUMN text TEXT"}};
constexpr Migration kBroken[] = {
    {"one", "CREATE TABLE t (n INTEGER)"},
    {"two", "ALTER TABLE t ADD COLUMN text TEXT"},
    {"three", "CREATE TABLE u (n INTEGER); INSERT INTO missing VALUES (1)"}};

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = TestMetadata(directory_);
  }
  void TearDown() override {
    DropTestMetadata(path_);
    std::filesystem::remove_all(directory_);
  }

  std::int64_t Count(Database& database, std::string_view sql = "SELECT count(*) FROM t") {
    std::int64_t count = -1;
    const Status status = database.Read([&](Connection& connection) -> Status {
      JOEY_ASSIGN_OR_RETURN(const auto value, connection.QueryInt(sql));
      count = value.value_or(-1);
      return {};
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return count;
  }

  std::string directory_;
  std::string path_;
};

Status InsertRow(Connection& connection, std::int64_t n) {
  return connection.Run("INSERT INTO t(n) VALUES (?)", {n}).status();
}

TEST_F(StoreTest, MigrationsRunInOrderAndOnce) {
  {
    auto database = Database::Open(path_, std::span(kTwo, 1));
    ASSERT_TRUE(database.ok()) << database.status().ToString();
    ASSERT_TRUE((*database)->Write([](Connection& c) { return InsertRow(c, 1); }).ok());
  }
  for (int i = 0; i < 2; ++i) {
    auto database = Database::Open(path_, kTwo);
    ASSERT_TRUE(database.ok()) << database.status().ToString();
    EXPECT_EQ(Count(**database), 1);
    EXPECT_EQ(Count(**database, "SELECT count(*) FROM t WHERE text IS NULL"), 1);
  }
}

TEST_F(StoreTest, NewerSchemaIsRefusedWithBothVersions) {
  ASSERT_TRUE(Database::Open(path_, kTwo).ok());
  auto database = Database::Open(path_, std::span(kTwo, 1));
  ASSERT_EQ(database.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(database.status().message().find("schema 2"), std::string::npos);
  EXPECT_NE(database.status().message().find("up to 1"), std::string::npos);
}

TEST_F(StoreTest, FailedMigrationLeavesTheStepBefore) {
  auto broken = Database::Open(path_, kBroken);
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.status().message().find("'three'"), std::string::npos);
  auto database = Database::Open(path_, kTwo);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  const Status missing = (*database)->Read(
      [](Connection& c) { return c.QueryInt("SELECT count(*) FROM u").status(); });
  EXPECT_EQ(missing.code(), Code::kInternal);
}

TEST_F(StoreTest, RealSchemaIsMadeAndKept) {
  for (int i = 0; i < 2; ++i) {
    auto database = Database::Open(path_, MetadataMigrations());
    ASSERT_TRUE(database.ok()) << database.status().ToString();
    EXPECT_EQ(Count(**database, "SELECT count(*) FROM model"), 0);
  }
}

TEST_F(StoreTest, FailedWriteIsRolledBack) {
  auto database = Database::Open(path_, kTwo);
  ASSERT_TRUE(database.ok());
  const Status status = (*database)->Write([](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(InsertRow(connection, 1));
    return InvalidArgument("no");
  });
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Count(**database), 0);
  ASSERT_TRUE((*database)->Write([](Connection& c) { return InsertRow(c, 2); }).ok());
  EXPECT_EQ(Count(**database), 1);
}

TEST_F(StoreTest, DamagedFileIsNamedAsSuch) {
  if (IsPostgresql(path_)) GTEST_SKIP() << "there is no file";
  ASSERT_TRUE(WriteFileAtomically(path_, std::string(8192, 'x')).ok());
  auto database = Database::Open(path_, kTwo);
  EXPECT_EQ(database.status().code(), Code::kDataLoss) << database.status().ToString();
}

TEST_F(StoreTest, WritersAndReadersBesideEachOther) {
  auto opened = Database::Open(path_, kTwo);
  ASSERT_TRUE(opened.ok());
  Database& database = **opened;
  std::atomic<bool> failed = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        // Both rows of a transaction are seen or none.
        if (!database
                 .Write([](Connection& connection) -> Status {
                   JOEY_RETURN_IF_ERROR(InsertRow(connection, 1));
                   return InsertRow(connection, 2);
                 })
                 .ok()) {
          failed = true;
        }
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        std::int64_t count = 1;
        const Status status = database.Read([&](Connection& connection) -> Status {
          JOEY_ASSIGN_OR_RETURN(const auto value, connection.QueryInt("SELECT count(*) FROM t"));
          count = value.value_or(1);
          return {};
        });
        if (!status.ok() || count % 2 != 0) failed = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(failed);
  EXPECT_EQ(Count(database), 400);
}

// A child commits rows, tells each one through a pipe, and kills itself inside the next
// transaction.
TEST_F(StoreTest, KillLosesNothingAnsweredAndKeepsNothingHalf) {
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto database = Database::Open(path_, kTwo);
    if (!database.ok()) _exit(1);
    for (std::int64_t i = 0; i < 20; ++i) {
      if (!(*database)->Write([&](Connection& c) { return InsertRow(c, i); }).ok()) _exit(1);
      if (write(channel[1], "x", 1) != 1) _exit(1);
    }
    (void)(*database)->Write([&](Connection& connection) -> Status {
      JOEY_RETURN_IF_ERROR(InsertRow(connection, 100));
      kill(getpid(), SIGKILL);
      return {};
    });
    _exit(1);
  }
  close(channel[1]);
  int answered = 0;
  char byte;
  while (read(channel[0], &byte, 1) == 1) ++answered;
  close(channel[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(answered, 20);
  auto database = Database::Open(path_, kTwo);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  EXPECT_EQ(Count(**database), 20);
}

TEST_F(StoreTest, KillInsideAMigrationIsRepeatedByTheNextStart) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto database = Database::Open(path_, {});
    if (!database.ok()) _exit(1);
    (void)(*database)->Write([](Connection& connection) -> Status {
      JOEY_RETURN_IF_ERROR(connection.Script("CREATE TABLE t (n INTEGER)"));
      kill(getpid(), SIGKILL);
      return {};
    });
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto database = Database::Open(path_, kTwo);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  EXPECT_EQ(Count(**database), 0);
}

TEST_F(StoreTest, ServersThatStartAtOnceMigrateOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto database = Database::Open(path_, MetadataMigrations());
      EXPECT_TRUE(database.ok()) << database.status().ToString();
      if (database.ok()) ++opened;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 4);
}

TEST_F(StoreTest, ValuesComeBackAsTheyWere) {
  constexpr Migration kAll[] = {
      {"all",
       "CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, r REAL, n INTEGER) "
       "STRICT; CREATE TABLE pair (a INTEGER, b TEXT, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID"}};
  auto opened = Database::Open(path_, kAll);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  Database& database = **opened;
  const std::string quoted = "it's a \"?\" -- ü";
  std::int64_t first = 0;
  Status status = database.Write([&](Connection& c) -> Status {
    constexpr std::string_view kInsert = "INSERT INTO user(text, r, n) VALUES (?, ?, ?)";
    JOEY_ASSIGN_OR_RETURN(first, c.Insert(kInsert, {quoted, 0.1, std::int64_t{-9007199254740993}}));
    JOEY_ASSIGN_OR_RETURN(const std::int64_t second, c.Insert(kInsert, {nullptr, nullptr, true}));
    EXPECT_GT(second, first);
    JOEY_ASSIGN_OR_RETURN(const std::int64_t changed,
                          c.Run("UPDATE user SET n = n + ?2 WHERE text = ?1", {quoted, 1}));
    EXPECT_EQ(changed, 1);
    return c
        .Run(
            "INSERT INTO user(id, text) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET "
            "text = 'kept: ' || user.text",
            {first, "no"})
        .status();
  });
  ASSERT_TRUE(status.ok()) << status.ToString();
  status = database.Read([&](Connection& c) -> Status {
    int rows = 0;
    JOEY_RETURN_IF_ERROR(
        c.Query("SELECT text, r, n, text IS NULL FROM user WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
                {std::optional<std::int64_t>()}, [&](const SqlRow& row) {
                  if (rows++ == 0) {
                    EXPECT_EQ(row.Text(0), "kept: " + quoted);
                    EXPECT_EQ(row.Double(1), 0.1);
                    EXPECT_EQ(row.Int(2), -9007199254740992);
                    EXPECT_FALSE(row.Bool(3));
                  } else {
                    EXPECT_EQ(row.OptionalText(0), std::nullopt);
                    EXPECT_EQ(row.OptionalDouble(1), std::nullopt);
                    EXPECT_EQ(row.Int(2), 1);
                    EXPECT_TRUE(row.Bool(3));
                  }
                }));
    EXPECT_EQ(rows, 2);
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(StoreTest, TextsSortByBytes) {
  constexpr Migration kNames[] = {{"names", "CREATE TABLE t (name TEXT)"}};
  auto database = Database::Open(path_, kNames);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  std::string sorted;
  ASSERT_TRUE((*database)
                  ->Write([&](Connection& c) -> Status {
                    for (const char* name : {"b", "ä", "a", "B", "a-b", "a1"}) {
                      JOEY_RETURN_IF_ERROR(c.Run("INSERT INTO t VALUES (?)", {name}).status());
                    }
                    return c.Query("SELECT name FROM t ORDER BY name", {},
                                   [&](const SqlRow& row) { sorted += row.Text(0) + " "; });
                  })
                  .ok());
  EXPECT_EQ(sorted, "B a a-b a1 b ä ");
}

TEST_F(StoreTest, ConstraintsAreAlreadyExists) {
  constexpr Migration kNames[] = {{"names", "CREATE TABLE t (name TEXT PRIMARY KEY) STRICT"}};
  auto database = Database::Open(path_, kNames);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  const auto add = [](Connection& c) { return c.Run("INSERT INTO t VALUES ('a')").status(); };
  ASSERT_TRUE((*database)->Write(add).ok());
  EXPECT_EQ((*database)->Write(add).code(), Code::kAlreadyExists);
}

// An error that the body passes over must not look like a change that was kept.
TEST_F(StoreTest, SwallowedErrorsAreNotCommittedInSilence) {
  constexpr Migration kNames[] = {{"names", "CREATE TABLE t (name TEXT PRIMARY KEY) STRICT"}};
  auto opened = Database::Open(path_, kNames);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  const Status status = (*opened)->Write([](Connection& c) -> Status {
    JOEY_RETURN_IF_ERROR(c.Run("INSERT INTO t VALUES ('a')").status());
    (void)c.Run("INSERT INTO t VALUES ('a')");
    return {};
  });
  EXPECT_EQ(Count(**opened) == 1, status.ok()) << status.ToString();
}

TEST_F(StoreTest, LostConnectionsAreNamedAndOpenedAnew) {
  if (!IsPostgresql(path_)) GTEST_SKIP() << "SQLite has no connection to lose";
  auto opened = Database::Open(path_, kTwo);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  Database& database = **opened;
  ASSERT_TRUE(database.Write([](Connection& c) { return InsertRow(c, 1); }).ok());
  ASSERT_EQ(Count(database), 1);
  const auto end_others = [](Connection& c) {
    return c.Query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()", {},
        [](const SqlRow&) {});
  };
  // The one that runs meanwhile is told; nothing of it is kept.
  const Status lost = database.Write([&](Connection& c) -> Status {
    JOEY_RETURN_IF_ERROR(InsertRow(c, 2));
    auto other = Database::OpenAsItIs(path_);
    if (!other.ok()) return other.status();
    JOEY_RETURN_IF_ERROR((*other)->Read(end_others));
    return InsertRow(c, 3);
  });
  EXPECT_EQ(lost.code(), Code::kUnavailable) << lost.ToString();
  // Readers were ended while they were idle: nobody notices.
  EXPECT_EQ(Count(database), 1);
  EXPECT_TRUE(database.Write([](Connection& c) { return InsertRow(c, 4); }).ok());
  EXPECT_EQ(Count(database), 2);
}

TEST(StoreLocation, PasswordsAreNotShown) {
  EXPECT_EQ(WithoutPassword("postgresql://joey:secret@db:5432/joey?sslmode=require"),
            "postgresql://joey@db:5432/joey?sslmode=require");
  EXPECT_EQ(WithoutPassword("postgresql:///joey?password=secret&user=a"),
            "postgresql:///joey?password=…&user=a");
  EXPECT_EQ(WithoutPassword("postgresql://db:5432/joey"), "postgresql://db:5432/joey");
  EXPECT_EQ(WithoutPassword("/data/joey.db"), "/data/joey.db");
}

TEST(StoreLocation, UnknownStoresAndServersThatAreAwayAreNamed) {
  EXPECT_EQ(Database::Open("mysql://db/joey", kTwo).status().code(), Code::kInvalidArgument);
  const Status away =
      Database::Open("postgresql:///joey?host=/nonexistent&password=secret", kTwo).status();
  EXPECT_EQ(away.code(), Code::kUnavailable) << away.ToString();
  EXPECT_EQ(away.ToString().find("secret"), std::string::npos);
}

int FilesBelow(const std::string& directory) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) ++files;
  }
  return files;
}

TEST_F(StoreTest, ModelFilesAreAddressedByContentAndKeptOnce) {
  auto files = ModelFiles::Open(directory_ + "/models");
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  const std::string source = directory_ + "/body";
  ASSERT_TRUE(WriteFileAtomically(source, "head" + std::string(3000000, 'm') + "tail").ok());
  std::string sha;
  for (int i = 0; i < 3; ++i) {
    auto file = (*files)->Write(source, 4, 3000000);
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    EXPECT_EQ((*file)->sha(), Sha256::Hex(std::string(3000000, 'm')));
    ASSERT_TRUE((*files)->Keep(**file).ok());
    sha = (*file)->sha();
  }
  EXPECT_EQ(FilesBelow(directory_ + "/models"), 1);
  auto path = (*files)->Find(sha);
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, directory_ + "/models/sha256/" + sha.substr(0, 2) + "/" + sha);
  EXPECT_EQ(ReadFile(*path, 4000000)->size(), 3000000u);
}

TEST_F(StoreTest, DroppedAndHalfWrittenModelFilesLeaveNothing) {
  const std::string source = directory_ + "/body";
  ASSERT_TRUE(WriteFileAtomically(source, "model").ok());
  {
    auto files = ModelFiles::Open(directory_ + "/models");
    ASSERT_TRUE(files.ok());
    ASSERT_TRUE((*files)->Write(source, 0, 5).ok());
    EXPECT_EQ(FilesBelow(directory_ + "/models"), 0);
    EXPECT_EQ((*files)->Write(source, 0, 6).status().code(), Code::kDataLoss);
    EXPECT_EQ(FilesBelow(directory_ + "/models"), 0);
  }
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/models/incoming/left", "half").ok());
  ASSERT_TRUE(ModelFiles::Open(directory_ + "/models").ok());
  EXPECT_EQ(FilesBelow(directory_ + "/models"), 0);
}

TEST_F(StoreTest, HostileDigestsNeverBecomePaths) {
  auto files = ModelFiles::Open(directory_ + "/models");
  ASSERT_TRUE(files.ok());
  for (const std::string& sha : {std::string("../../etc/passwd"), std::string(64, '.'),
                                 std::string(64, 'G'), std::string(), std::string(63, 'a') + "/"}) {
    EXPECT_EQ((*files)->Find(sha).status().code(), Code::kInvalidArgument) << sha;
  }
  EXPECT_EQ((*files)->Find(std::string(64, 'a')).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace joey
