#include "base/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/files.h"

namespace joey {
namespace {

constexpr ZipLimits kLimits{100, 1 << 20};

struct File {
  std::string name;
  std::string content;
  std::string link;  // a symbolic link to this
};

class ZipTest : public testing::Test {
 protected:
  ZipTest() {
    std::string path = testing::TempDir() + "zip-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    zip_ = folder_ + "/a.zip";
    out_ = folder_ + "/out";
    std::filesystem::create_directory(out_);
  }
  ~ZipTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::vector<File>& files) const {
    archive* out = archive_write_new();
    archive_write_set_format_zip(out);
    ASSERT_EQ(archive_write_open_filename(out, zip_.c_str()), ARCHIVE_OK);
    for (const File& file : files) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, file.name.c_str());
      archive_entry_set_mode(entry, (file.name.ends_with('/') ? AE_IFDIR : AE_IFREG) | 0644);
      if (!file.link.empty()) {
        archive_entry_set_filetype(entry, AE_IFLNK);
        archive_entry_set_symlink(entry, file.link.c_str());
      }
      archive_entry_set_size(entry, static_cast<la_int64_t>(file.content.size()));
      ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
      archive_write_data(out, file.content.data(), file.content.size());
      archive_entry_free(entry);
    }
    archive_write_free(out);
  }

  void WriteBytes(const std::string& bytes) const {
    std::ofstream(zip_, std::ios::binary) << bytes;
  }

  Status Extract(ZipLimits limits = kLimits) const {
    return ExtractZip(zip_, out_, limits, [](std::string_view name) { return std::string(name); });
  }
  std::string Content(const std::string& name) const {
    return *ReadFile(out_ + "/" + name, 1 << 20);
  }

  // The refusal of an archive with these files, which leaves nothing outside of its folder.
  std::string Refusal(const std::vector<File>& files, ZipLimits limits = kLimits) const {
    Write(files);
    const Status status = Extract(limits);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/evil"));
    return status.message();
  }

  std::string folder_, zip_, out_;
};

TEST_F(ZipTest, FilesAndFolders) {
  Write({{"top/", ""},
         {"top/a.txt", "hello"},
         {"top/deep/er/b.bin", std::string(70000, 'x')},
         {"empty", ""}});
  ASSERT_TRUE(Extract().ok());
  EXPECT_EQ(Content("top/a.txt"), "hello");
  EXPECT_EQ(Content("top/deep/er/b.bin"), std::string(70000, 'x'));
  EXPECT_EQ(Content("empty"), "");
}

TEST_F(ZipTest, EntriesAreListedWithoutBeingRead) {
  Write({{"top/", ""}, {"top/a.txt", "hello"}});
  auto reader = *ZipReader::Open(zip_, kLimits);
  auto entry = *reader->Next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->name, "top");
  EXPECT_TRUE(entry->directory);
  entry = *reader->Next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->name, "top/a.txt");
  EXPECT_EQ(entry->claimed_bytes, 5);
  EXPECT_FALSE(*reader->Next());
}

TEST_F(ZipTest, NamesThatLeadElsewhere) {
  for (const char* name : {"../evil", "a/../../evil", "/evil", "a//b", "./a", "a/.", "..",
                           "a\\..\\evil", "a\nb", "a\x7f"}) {
    EXPECT_NE(Refusal({{name, "x"}}).find("outside"), std::string::npos) << name;
  }
  EXPECT_NE(Refusal({{std::string(2000, 'a'), "x"}}).find("outside"), std::string::npos);
}

TEST_F(ZipTest, LinksAreRefused) {
  EXPECT_NE(Refusal({{"link", "", "../evil"}}).find("link"), std::string::npos);
  EXPECT_NE(Refusal({{"link", "", ".."}, {"link/evil", "x"}}).find("link"), std::string::npos);
}

TEST_F(ZipTest, TwoFilesOfOnePlace) {
  EXPECT_NE(Refusal({{"a", "1"}, {"a", "2"}}).find("twice"), std::string::npos);
}

TEST_F(ZipTest, FileAndFolderOfOneName) {
  Write({{"a", "1"}, {"a/b", "2"}});
  EXPECT_FALSE(Extract().ok());
}

TEST_F(ZipTest, TooManyFiles) {
  std::vector<File> files;
  for (int i = 0; i < 101; ++i) files.push_back({"f" + std::to_string(i), ""});
  EXPECT_NE(Refusal(files).find("more than 100 files"), std::string::npos);
}

TEST_F(ZipTest, TooManyBytes) {
  const std::vector<File> files = {{"a", std::string(600, '\0')}, {"b", std::string(600, '\0')}};
  EXPECT_NE(Refusal(files, {100, 1000}).find("more than 1000 bytes"), std::string::npos);
  std::filesystem::remove(out_ + "/a");
  Write(files);
  EXPECT_TRUE(Extract({100, 1200}).ok());
}

// An archive that lies about sizes: the claim in both headers made small.
TEST_F(ZipTest, MoreBytesThanClaimed) {
  Write({{"a", std::string(100000, '\0')}});
  std::string bytes = *ReadFile(zip_, 1 << 20);
  const std::string size("\xa0\x86\x01\x00", 4);
  int found = 0;
  for (std::size_t at = bytes.find(size); at != std::string::npos; at = bytes.find(size, at + 1)) {
    bytes.replace(at, 4, std::string("\x10\0\0\0", 4));
    ++found;
  }
  ASSERT_GE(found, 1);
  WriteBytes(bytes);
  EXPECT_FALSE(Extract({100, 1000}).ok());
  std::error_code ignored;
  EXPECT_LE(std::filesystem::file_size(out_ + "/a", ignored), 1000U);
}

TEST_F(ZipTest, DamageIsNoticed) {
  Write({{"a", std::string(5000, 'x') + "middle" + std::string(5000, 'y')}, {"b", "hello"}});
  const std::string good = *ReadFile(zip_, 1 << 20);
  int refused = 0;
  for (std::size_t cut = 0; cut < good.size(); cut += 3) {
    std::filesystem::remove_all(out_);
    std::filesystem::create_directory(out_);
    WriteBytes(good.substr(0, cut));
    refused += Extract().ok() ? 0 : 1;
  }
  EXPECT_EQ(refused, static_cast<int>((good.size() + 2) / 3));
  for (std::size_t at = 0; at < good.size(); ++at) {  // no crash, whatever is read
    std::filesystem::remove_all(out_);
    std::filesystem::create_directory(out_);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    WriteBytes(bad);
    (void)Extract();
  }
}

TEST_F(ZipTest, NoZip) {
  for (const char* text : {"", "hello", "PK", "PK\x03\x04"}) {
    WriteBytes(text);
    EXPECT_EQ(Extract().code(), Code::kInvalidArgument) << text;
  }
  std::filesystem::remove(zip_);
  EXPECT_FALSE(Extract().ok());
}

}  // namespace
}  // namespace joey
