#include "logs/log_store.h"

#include <bit>
#include <fstream>
#include <random>
#include <thread>

#include "base/crc32c.h"
#include "base/files.h"
#include "base/limits.h"
#include "logs/logs_test_support.h"

namespace joey::logs {
namespace {

using Kind = AppendResult::Kind;

class LogStoreTest : public LogsTest {
 protected:
  std::string Bytes(int segment = 1) const {
    return *ReadFile(SegmentPath(segment), std::size_t{1} << 30);
  }
  void Overwrite(std::string_view bytes, int segment = 1) {
    std::ofstream(SegmentPath(segment), std::ios::binary | std::ios::trunc) << bytes;
  }
  std::vector<std::int64_t> All() { return Numbers(Read(Flat(false))); }
};

TEST_F(LogStoreTest, RowsSurviveReopening) {
  Append(0, 3);
  Append(3, 1500);
  Reopen();
  EXPECT_EQ(All(), Range(0, 1503));
  Append(1503, 2);
  EXPECT_EQ(All(), Range(0, 1505));
  EXPECT_EQ(store_->Find(kTopic)->end_row(), 1505);
  EXPECT_EQ(store_->Find("other"), nullptr);
}

TEST_F(LogStoreTest, FramesAreStoredOnce) {
  const auto rows = MakeRows(0, 2);
  EXPECT_EQ(TryAppend(*rows, 5, 7)->kind, Kind::kStored);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(TryAppend(*rows, 5, 7)->kind, Kind::kDuplicate);
    EXPECT_EQ(TryAppend(*rows, 1, 2)->kind, Kind::kDuplicate);
    const auto overlap = TryAppend(*rows, 7, 9);
    EXPECT_EQ(overlap->kind, Kind::kOverlap);
    EXPECT_EQ(overlap->last_sequence, 7u);
    Reopen();
  }
  EXPECT_EQ(TryAppend(*rows, 5, 7, "another")->kind, Kind::kStored);
  EXPECT_EQ(TryAppend(*rows, 0, 0, "third")->kind, Kind::kStored);
  EXPECT_EQ(TryAppend(*rows, 0, 0, "third")->kind, Kind::kDuplicate);
  EXPECT_EQ(TryAppend(*rows, 10, 10)->kind, Kind::kStored);
  EXPECT_EQ(store_->Find(kTopic)->end_row(), 8);
}

TEST_F(LogStoreTest, NamesAreChecked) {
  const std::string stream = Stream(*MakeRows(0, 1));
  for (const std::string& topic :
       {std::string(), std::string("../x"), std::string("A"), std::string("a/b"),
        std::string("a.b"), std::string(limits::kLogTopicBytesMax + 1, 'a'),
        std::string("a\0b", 3)}) {
    EXPECT_EQ(store_->Append(topic, {"s", 1, 1, stream}).status().code(), Code::kInvalidArgument);
  }
  for (const std::string& source : {std::string(), std::string("a b"), std::string(65, 'a')}) {
    EXPECT_EQ(store_->Append(kTopic, {source, 1, 1, stream}).status().code(),
              Code::kInvalidArgument);
  }
  EXPECT_EQ(store_->Append(kTopic, {"s", 2, 1, stream}).status().code(), Code::kInvalidArgument);
}

TEST_F(LogStoreTest, ATornTailIsCutOff) {
  Append(0, 3);
  const std::size_t whole = Bytes().size();
  Append(3, 4);
  const std::string bytes = Bytes();
  for (const std::size_t size : {whole + 1, whole + 20, whole + 120, bytes.size() - 1}) {
    Overwrite(bytes.substr(0, size));
    Reopen();
    EXPECT_EQ(All(), Range(0, 3)) << size;
    EXPECT_EQ(Bytes().size(), whole);
  }
  // What was cut off may come again.
  EXPECT_EQ(TryAppend(*MakeRows(3, 4), sequence_, sequence_)->kind, Kind::kStored);
  EXPECT_EQ(All(), Range(0, 7));
  EXPECT_EQ(Bytes(), bytes);
}

TEST_F(LogStoreTest, ATailWithHolesIsCutOff) {
  Append(0, 3);
  const std::size_t whole = Bytes().size();
  Append(3, 4);
  std::string bytes = Bytes();
  std::fill(bytes.end() - 50, bytes.end(), '\0');
  Overwrite(bytes);
  Reopen();
  EXPECT_EQ(All(), Range(0, 3));
  EXPECT_EQ(Bytes().size(), whole);
}

TEST_F(LogStoreTest, ADamagedBlockIsLeftOutAndTheRestServed) {
  std::vector<std::size_t> ends;
  for (int i = 0; i < 4; ++i) {
    Append(i * 10, 10);
    ends.push_back(Bytes().size());
  }
  const std::string good = Bytes();
  std::vector<std::int64_t> expected = Range(0, 10);
  for (const std::int64_t row : Range(20, 20)) expected.push_back(row);
  for (std::size_t at = ends[0]; at < ends[1]; at += 17) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    Overwrite(bytes);
    Reopen();
    EXPECT_EQ(All(), expected) << at;
    EXPECT_EQ(Numbers(Read(Flat(true))).size(), 30u) << at;
    EXPECT_EQ(Bytes().size(), good.size());
  }
  Append(40, 1);
  EXPECT_EQ(All().back(), 40);
}

TEST_F(LogStoreTest, SegmentsRollAndReadAsOne) {
  // Incompressible values, so that few appends fill a segment.
  std::mt19937 random(7);
  std::vector<float> values(4 << 20);
  for (float& value : values) {
    value = std::bit_cast<float>(static_cast<std::uint32_t>((random() & 0x7fffff) | 0x3f800000));
  }
  const std::int64_t rows = 16;
  std::vector<std::int32_t> offsets;
  for (std::int64_t i = 0; i <= rows; ++i) {
    offsets.push_back(
        static_cast<std::int32_t>(i * static_cast<std::int64_t>(values.size()) / rows));
  }
  auto batch = MakeRows(0, rows);
  auto list = std::make_shared<arrow::ListArray>(
      arrow::list(arrow::float32()), rows, arrow::Buffer::Wrap(offsets),
      std::make_shared<arrow::FloatArray>(values.size(), arrow::Buffer::Wrap(values)));
  batch = *batch->SetColumn(1, batch->schema()->field(1), list);
  for (std::uint64_t i = 1; i <= 6; ++i) ASSERT_EQ(TryAppend(*batch, i, i)->kind, Kind::kStored);
  EXPECT_TRUE(std::filesystem::exists(SegmentPath(2)));
  EXPECT_LT(std::filesystem::file_size(SegmentPath(1)), 2 * limits::kLogSegmentBytesMax);
  sequence_ = 6;
  for (int i = 0; i < 2; ++i) {
    Query query = Flat(true, 200);
    query.dataset = Dataset({"out"}, {});
    EXPECT_EQ(Read(query).batch->num_rows(), 96);
    query.dataset = Dataset({"out.y"}, {});
    const auto numbers = Numbers(Read(query));
    for (std::size_t row = 0; row < numbers.size(); ++row) {
      EXPECT_EQ(numbers[row], 15 - static_cast<std::int64_t>(row % 16));
    }
    EXPECT_EQ(TryAppend(*batch, 2, 2)->kind, Kind::kDuplicate);
    Reopen();
  }
}

TEST_F(LogStoreTest, ManySendersAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 25; ++i) {
        // Each frame twice, as after a lost answer.
        for (int again = 0; again < 2; ++again) {
          const auto result = TryAppend(*MakeRows(t * 1000 + static_cast<std::int64_t>(i), 1), i, i,
                                        "source-" + std::to_string(t));
          EXPECT_TRUE(result.ok());
          EXPECT_EQ(result->kind, again == 0 ? Kind::kStored : Kind::kDuplicate);
        }
        Read(Flat(true, 5));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 2; ++i) {
    auto numbers = All();
    EXPECT_EQ(numbers.size(), 200u);
    std::vector<std::int64_t> next(8, 0);
    for (const std::int64_t number : numbers) {
      EXPECT_EQ(number % 1000, next[static_cast<std::size_t>(number / 1000)]++);
    }
    Reopen();
  }
}

TEST_F(LogStoreTest, RowsOfAnotherKindAreRefused) {
  const auto refused = [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
    const auto result = TryAppend(*batch, 1, 1);
    return !result.ok() && result.status().code() == Code::kInvalidArgument;
  };
  const auto good = MakeRows(0, 3);
  EXPECT_TRUE(refused(good->Slice(0, 0)));
  EXPECT_TRUE(refused(*good->RemoveColumn(0)));
  EXPECT_TRUE(refused(*good->AddColumn(1, "time", good->column(0))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "secret", good->column(2))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "other.x", good->column(2))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "in.", good->column(2))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "in.x", good->column(0))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "in.tensor", good->column(0))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "metadata.partition", good->column(2))));
  EXPECT_TRUE(refused(*good->AddColumn(1, "check_failures", good->column(2))));
  auto nulls = arrow::MakeArrayOfNull(good->column(0)->type(), 3).ValueOrDie();
  EXPECT_TRUE(refused(*good->SetColumn(0, good->schema()->field(0), nulls)));
  EXPECT_TRUE(refused(*good->AddColumn(1, "metadata.partition",
                                       arrow::MakeArrayOfNull(arrow::utf8(), 3).ValueOrDie())));
  EXPECT_FALSE(refused(*good->AddColumn(1, "in.kept_or_not",
                                        arrow::MakeArrayOfNull(arrow::utf8(), 3).ValueOrDie())));
}

TEST_F(LogStoreTest, HostileStreamsAreRefusedOrValid) {
  const std::string good = Stream(*MakeRows(0, 20));
  std::mt19937 random(11);
  std::uint64_t sequence = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    for (int flips = 1 + i % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (i % 5 == 0) bytes.resize(random() % bytes.size());
    static_cast<void>(store_->Append(kTopic, {"s", ++sequence, sequence, bytes}));
  }
  for (const char* text : {"", "ARROW1", "\xff\xff\xff\xff\xff\xff\xff\x7f", "{}"}) {
    EXPECT_FALSE(store_->Append(kTopic, {"s", ++sequence, sequence, text}).ok());
  }
  Query query = Flat(true);
  query.dataset = Dataset::All();
  std::optional<Cursor> cursor;
  do {
    const Page page = Read(query, cursor);
    EXPECT_TRUE(page.batch->ValidateFull().ok());
    cursor = page.next;
  } while (cursor);
}

// Bytes that somebody wrote into the file with good checksums.
TEST_F(LogStoreTest, HostileBlocksAreLeftOut) {
  Append(0, 20);
  const std::string good = Bytes();
  const auto parsed = ParseHeader(good);
  ASSERT_TRUE(parsed.ok());
  const std::string payload = good.substr(parsed->bytes);
  std::mt19937 random(13);
  for (int i = 0; i < 200; ++i) {
    std::string bytes = payload;
    for (int flips = 1 + i % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    BlockHeader header = parsed->header;
    if (i % 3 == 0) header.rows = static_cast<std::int64_t>(random() % 5000) + 1;
    if (i % 4 == 0) header.failures = static_cast<std::int64_t>(random() % 5000) - 100;
    header.payload_crc = Crc32c(bytes);
    Overwrite(EncodeHeader(header) + bytes);
    Reopen();
    const Page page = Read(Flat(true));
    EXPECT_TRUE(page.batch->ValidateFull().ok());
    EXPECT_LE(page.batch->num_rows(), 5000);
  }
}

}  // namespace
}  // namespace joey::logs
