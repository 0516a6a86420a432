#include "admin/backup.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "base/sha256.h"
#include "store/data_directory.h"
#include "store/schema.h"
#include "store/store_test_support.h"

namespace joey::admin {
namespace {

namespace fs = std::filesystem;

// References between tables against the order of their names, and texts that JSON has to escape.
constexpr Migration kSchema[] = {
    {"one",
     "CREATE TABLE z (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, r REAL) STRICT; "
     "CREATE TABLE a (z_id INTEGER NOT NULL REFERENCES z(id), key TEXT, PRIMARY KEY (z_id, key)) "
     "STRICT, WITHOUT ROWID; INSERT INTO z(name) VALUES ('made by the migration')"},
    {"two", "ALTER TABLE z ADD COLUMN more INTEGER"}};
constexpr char kName[] = "it's \"ü\"\n\t\\";

class BackupTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "joey-backup-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    data_ = directory_ + "/data";
    metadata_ = NewMetadata("old");
    auto opened = DataDirectory::Open(data_);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    ASSERT_TRUE((*opened)->IngestToken().ok());
    Put(data_ + "/models/sha256/" + Sha256::Hex("model").substr(0, 2) + "/" + Sha256::Hex("model"),
        "model");
    Put(data_ + "/logs/topic-1/segment-000001", "rows");
  }
  void TearDown() override {
    for (const std::string& location : locations_) DropTestMetadata(location);
    fs::remove_all(directory_);
  }

  static void Put(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << content;
  }

  // What --metadata would be: empty for SQLite.
  std::string NewMetadata(const std::string& name) {
    locations_.push_back(TestMetadata(directory_ + "/" + name));
    return IsPostgresql(locations_.back()) ? locations_.back() : "";
  }

  std::unique_ptr<Database> Open(const std::string& data, const std::string& metadata,
                                 std::span<const Migration> migrations = kSchema) {
    auto opened = Database::Open(metadata.empty() ? data + "/joey.db" : metadata, migrations);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return std::move(opened).value();
  }

  void FillMetadata(std::span<const Migration> migrations = kSchema) {
    const Status status = Open(data_, metadata_, migrations)->Write([](Connection& c) -> Status {
      JOEY_ASSIGN_OR_RETURN(const std::int64_t id,
                            c.Insert("INSERT INTO z(name, r) VALUES (?, ?)", {kName, 0.1}));
      return c.Run("INSERT INTO a VALUES (?, ?)", {id, "k"}).status();
    });
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  Result<BackupSummary> Make(std::span<const Migration> migrations = kSchema) {
    return MakeBackup({data_, metadata_, backup_, "test"}, migrations);
  }
  Result<BackupSummary> Restore(std::span<const Migration> migrations = kSchema) {
    return RestoreBackup({restored_, new_metadata_, backup_, "test"}, migrations);
  }
  void ExpectNothingRestored() {
    EXPECT_FALSE(fs::exists(restored_));
    EXPECT_FALSE(fs::exists(restored_ + ".restoring"));
  }

  std::string directory_;
  std::string data_;
  std::string metadata_;
  std::string backup_;
  std::string restored_;
  std::string new_metadata_;
  std::vector<std::string> locations_;
};

class MadeBackupTest : public BackupTest {
 protected:
  void SetUp() override {
    BackupTest::SetUp();
    backup_ = directory_ + "/backup";
    restored_ = directory_ + "/new/data";
    fs::create_directories(directory_ + "/new");
    new_metadata_ = NewMetadata("new");
    FillMetadata();
    const auto made = Make();
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    EXPECT_EQ(made->files, 4);  // metadata, model, log, token
  }
};

TEST_F(MadeBackupTest, ComesBackWhole) {
  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status().ToString();
  for (const char* file : {"logs/topic-1/segment-000001", "secrets/ingest.token"}) {
    EXPECT_EQ(*ReadFile(restored_ + "/" + file, 1000), *ReadFile(data_ + "/" + file, 1000)) << file;
    struct stat status {};
    ASSERT_EQ(stat((restored_ + "/" + file).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file;
  }
  EXPECT_FALSE(fs::exists(restored_ + "/metadata.jsonl"));
  const Status status = Open(restored_, new_metadata_)->Write([](Connection& c) -> Status {
    std::string names;
    JOEY_RETURN_IF_ERROR(c.Query("SELECT z.name, z.r, a.key, z.more FROM z JOIN a ON a.z_id = z.id",
                                 {}, [&](const SqlRow& row) {
                                   names = row.Text(0);
                                   EXPECT_EQ(row.Double(1), 0.1);
                                   EXPECT_EQ(row.Text(2), "k");
                                   EXPECT_TRUE(row.IsNull(3));
                                 }));
    EXPECT_EQ(names, kName);
    // New ids come after the restored ones.
    JOEY_ASSIGN_OR_RETURN(const auto id, c.Insert("INSERT INTO z(name) VALUES (?)", {"next"}));
    EXPECT_EQ(id, 3);
    JOEY_ASSIGN_OR_RETURN(const auto rows, c.QueryInt("SELECT count(*) FROM z"));
    EXPECT_EQ(rows, 3);
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(MadeBackupTest, GoesOnlyIntoEmptyPlaces) {
  fs::create_directories(restored_);
  ASSERT_TRUE(Restore().ok());  // an empty directory
  EXPECT_EQ(Restore().status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Make().status().code(), Code::kFailedPrecondition);
  if (new_metadata_.empty()) return;
  restored_ += "-2";
  const auto again = Restore();
  EXPECT_EQ(again.status().code(), Code::kFailedPrecondition) << again.status().ToString();
  ExpectNothingRestored();
}

TEST_F(MadeBackupTest, DamageIsNamed) {
  for (const std::string file : {"metadata.jsonl", "secrets/ingest.token", "backup.json"}) {
    std::string content = *ReadFile(backup_ + "/" + file, 1 << 20);
    const std::string good = content;
    content[content.size() / 2] ^= 1;
    Put(backup_ + "/" + file, content);
    const auto restored = Restore();
    EXPECT_EQ(restored.status().code(), Code::kDataLoss) << restored.status().ToString();
    EXPECT_NE(restored.status().message().find(file), std::string::npos)
        << restored.status().message();
    ExpectNothingRestored();
    Put(backup_ + "/" + file, good);
  }
  fs::remove(backup_ + "/logs/topic-1/segment-000001");
  const auto restored = Restore();
  EXPECT_EQ(restored.status().code(), Code::kDataLoss);
  EXPECT_NE(restored.status().message().find("segment-000001 is missing"), std::string::npos);
  ExpectNothingRestored();
}

TEST_F(MadeBackupTest, UnfinishedAndNewerOnesAreRefused) {
  const auto newer = Restore(std::span(kSchema, 1));
  EXPECT_EQ(newer.status().code(), Code::kFailedPrecondition) << newer.status().ToString();
  ExpectNothingRestored();
  fs::remove(backup_ + "/backup.json");
  EXPECT_EQ(Restore().status().code(), Code::kNotFound);
  ExpectNothingRestored();
}

TEST_F(BackupTest, OfAnOlderJoeyIsBroughtUpToDate) {
  backup_ = directory_ + "/backup";
  restored_ = directory_ + "/restored";
  FillMetadata(std::span(kSchema, 1));
  ASSERT_TRUE(Make().ok());
  new_metadata_ = NewMetadata("newer");
  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status().ToString();
  const Status status = Open(restored_, new_metadata_)->Read([](Connection& c) -> Status {
    JOEY_ASSIGN_OR_RETURN(const auto rows, c.QueryInt("SELECT count(*) FROM z WHERE more IS NULL"));
    EXPECT_EQ(rows, 2);
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(BackupTest, DamagedModelFilesAreNotBackedUp) {
  backup_ = directory_ + "/backup";
  FillMetadata();
  Put(data_ + "/models/sha256/aa/" + std::string(64, 'a'), "not its content");
  EXPECT_EQ(Make().status().code(), Code::kDataLoss);
  EXPECT_FALSE(fs::exists(backup_ + "/backup.json"));
}

TEST_F(BackupTest, WhereThereIsNoData) {
  backup_ = directory_ + "/backup";
  data_ = directory_ + "/elsewhere";
  EXPECT_EQ(Make().status().code(), Code::kNotFound);
  EXPECT_FALSE(fs::exists(backup_));
}

// The whole schema: every table can be dumped and loaded.
TEST_F(BackupTest, RealSchema) {
  backup_ = directory_ + "/backup";
  restored_ = directory_ + "/restored";
  new_metadata_ = NewMetadata("real");
  (void)Open(data_, metadata_, MetadataMigrations());
  ASSERT_TRUE(Make(MetadataMigrations()).ok());
  const auto restored = Restore(MetadataMigrations());
  ASSERT_TRUE(restored.ok()) << restored.status().ToString();
}

}  // namespace
}  // namespace joey::admin
