// The spool without a server: what was appended is read back from its segments.
#include "engine/log_spool.h"

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "engine/log_assembler.h"

namespace joey::engine {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;

std::shared_ptr<arrow::Array> Column(const std::shared_ptr<arrow::DataType>& type,
                                     const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

// Columns named c0, c1 ….
std::shared_ptr<arrow::RecordBatch> Batch(arrow::ArrayVector columns) {
  arrow::FieldVector fields;
  for (const auto& column : columns) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), column->type(), false));
  }
  const std::int64_t rows = columns.at(0)->length();
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows, std::move(columns));
}

InferenceRecord Record(const std::shared_ptr<arrow::RecordBatch>& in,
                       const std::shared_ptr<arrow::RecordBatch>& out) {
  static const auto kContext = std::make_shared<const RecordContext>(
      RecordContext{"workspace-1-pipeline-p-1", "p", "version", "engine-1", "{}"});
  return {kContext, 1000, in->num_rows(), in, out, {7, 8}};
}

// One row, whose only input is that number.
InferenceRecord Numbered(std::int64_t number) {
  static const auto kSchema = arrow::schema({arrow::field("c0", arrow::int64(), false)});
  const auto batch = arrow::RecordBatch::Make(
      kSchema, 1,
      {std::make_shared<arrow::Int64Array>(
          1, arrow::Buffer::FromVector(std::vector<std::int64_t>{number}))});
  return Record(batch, batch);
}

struct Readback {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;  // one per frame
  int damaged = 0;

  std::vector<std::int64_t> Numbers() const {
    std::vector<std::int64_t> numbers;
    for (const auto& batch : batches) {
      const auto column = batch->GetColumnByName("in.c0");
      if (column == nullptr || column->type_id() != arrow::Type::INT64) continue;
      numbers.push_back(static_cast<const arrow::Int64Array&>(*column).Value(0));
    }
    return numbers;
  }
};

// Everything a reader may do with a segment's bytes, whatever they are.
Readback Read(const LogSegment& segment) {
  Readback out;
  std::map<std::uint32_t, LogSchema> schemas;
  std::size_t position = LogSegment::kFirstFrame;
  for (;;) {
    LogSegment::Frame frame;
    const LogSegment::Found found = segment.Next(position, frame);
    if (found == LogSegment::Found::kNothing || found == LogSegment::Found::kPending) return out;
    if (found == LogSegment::Found::kDamaged) ++out.damaged;
    if (found != LogSegment::Found::kFrame) continue;
    if (frame.header->kind == kSchemaFrame) {
      auto schema = ReadSchemaPayload(frame.payload);
      if (schema.ok()) schemas[frame.header->schema_id] = std::move(*schema);
      continue;
    }
    const auto schema = schemas.find(frame.header->schema_id);
    if (schema == schemas.end()) continue;
    LogAssembler assembler(schema->second);
    if (!assembler.Add(frame.payload).ok()) {
      EXPECT_EQ(assembler.rows(), 0);
      continue;
    }
    auto batch = assembler.Finish();
    EXPECT_TRUE(batch->Validate().ok()) << batch->Validate().ToString();
    out.batches.push_back(std::move(batch));
  }
}

class LogSpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/joey-spool-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<LogSpool> Open() {
    auto spool = LogSpool::Open(directory_ + "/spool");
    EXPECT_TRUE(spool.ok()) << spool.status().ToString();
    return spool.ok() ? std::move(*spool) : nullptr;
  }

  std::string directory_;
};

arrow::ArrayVector EveryType() {
  return {
      Column(arrow::float64(), "[1.5, 2.5, 3.5, 4.5, 5.5]"),
      Column(arrow::float32(), "[1.5, 2.5, 3.5, 4.5, 5.5]"),
      Column(arrow::uint8(), "[1, 2, 3, 4, 5]"),
      Column(arrow::int16(), "[-1, 2, -3, 4, -5]"),
      Column(arrow::boolean(), "[true, false, true, true, false]"),
      Column(arrow::utf8(), R"(["", "ab", "c", "def", "ä"])"),
      Column(arrow::large_utf8(), R"(["x", "", "", "yz", "w"])"),
      Column(arrow::list(arrow::float32()), "[[1], [], [2, 3], [4, 5, 6], [7]]"),
      Column(arrow::large_list(arrow::boolean()), "[[true], [false, true], [], [], [true]]"),
      Column(arrow::fixed_size_list(arrow::int32(), 2), "[[1, 2], [3, 4], [5, 6], [7, 8], [9, 0]]"),
      Column(arrow::fixed_size_list(arrow::boolean(), 3),
             "[[true, false, true], [false, false, true], [true, true, true], "
             "[false, false, false], [true, false, false]]"),
      Column(arrow::list(arrow::list(arrow::utf8())),
             R"([[["a"], []], [], [["b", "c"]], [[], ["d"]], [["e"]]])"),
  };
}

TEST_F(LogSpoolTest, EveryTypeAndSliceComesBack) {
  auto spool = Open();
  const auto whole = Batch(EveryType());
  const std::pair<int, int> kSlices[] = {{0, 5}, {1, 3}, {3, 1}, {4, 1}, {0, 1}, {2, 3}};
  for (const auto& [offset, length] : kSlices) {
    const auto slice = whole->Slice(offset, length);
    ASSERT_TRUE(spool->Append(Record(slice, slice)).ok());
  }
  const auto segments = spool->Segments();
  ASSERT_EQ(segments.size(), 1U);
  const Readback read = Read(*segments[0]);
  EXPECT_EQ(read.damaged, 0);
  ASSERT_EQ(read.batches.size(), std::size(kSlices));
  for (std::size_t i = 0; i < std::size(kSlices); ++i) {
    EXPECT_TRUE(read.batches[i]->ValidateFull().ok());
    const auto expected = whole->Slice(kSlices[i].first, kSlices[i].second);
    for (const auto& field : expected->schema()->fields()) {
      for (const char* group : {"in.", "out."}) {
        const auto column = read.batches[i]->GetColumnByName(group + field->name());
        ASSERT_NE(column, nullptr);
        EXPECT_TRUE(column->Equals(expected->GetColumnByName(field->name())))
            << group << field->name() << " of slice " << i << ": " << column->ToString();
      }
    }
  }
}

TEST_F(LogSpoolTest, OneProcessUsesADirectory) {
  auto spool = Open();
  EXPECT_FALSE(LogSpool::Open(directory_ + "/spool").ok());
}

// Files are made ahead by another thread, and rows of 9 MB want files of their own in between.
TEST_F(LogSpoolTest, OrderStaysWhileFilesAreMadeReady) {
  auto spool = Open();
  std::atomic<bool> done = false;
  std::thread shipper([&] {
    while (!done) spool->Prepare();
  });
  const auto text = [](std::size_t size) {
    return Batch({Column(arrow::utf8(), "[\"" + std::string(size, 'x') + "\"]")});
  };
  const auto wide = text(20 << 20);
  const auto narrow = text(4 << 10);
  std::int64_t number = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 3'000; ++i) {
      ASSERT_TRUE(spool->Append(Record(Numbered(number++).in, narrow)).ok());
    }
    ASSERT_TRUE(spool->Append(Record(wide, wide)).ok());
  }
  done = true;
  shipper.join();
  const auto check = [&](const LogSpool& from) {
    std::vector<std::int64_t> numbers;
    for (const auto& segment : from.Segments()) {
      const Readback read = Read(*segment);
      EXPECT_EQ(read.damaged, 0);
      const auto more = read.Numbers();
      numbers.insert(numbers.end(), more.begin(), more.end());
      segment->Release(segment->size());
      EXPECT_EQ(Read(*segment).Numbers(), more);  // only its place in memory was given up
    }
    std::vector<std::int64_t> expected(static_cast<std::size_t>(number));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(numbers, expected);
  };
  check(*spool);
  spool.reset();
  check(*Open());
}

// The child appends and says through a pipe what was appended, until it is killed.
TEST_F(LogSpoolTest, KilledBetweenTwoInstructionsNothingAcknowledgedIsLost) {
  for (const std::int64_t kill_after : {200, 901, 2203, 5009}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      auto spool = LogSpool::Open(directory_ + "/spool");
      if (!spool.ok()) ::_exit(1);
      for (std::int64_t number = 1;; ++number) {
        if (!(*spool)->Append(Numbered(number)).ok()) ::_exit(2);
        if (::write(ends[1], &number, sizeof number) != sizeof number) ::_exit(3);
      }
    }
    ::close(ends[1]);
    std::int64_t acknowledged = 0;
    std::int64_t number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
      acknowledged = number;
      if (number == kill_after) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    auto spool = Open();
    std::vector<std::int64_t> numbers;
    for (const auto& segment : spool->Segments()) {
      const Readback read = Read(*segment);
      EXPECT_EQ(read.damaged, 0);
      for (const std::int64_t one : read.Numbers()) numbers.push_back(one);
      spool->Remove(segment);
    }
    // The last one may have been appended and not acknowledged.
    ASSERT_GE(numbers.size(), static_cast<std::size_t>(acknowledged));
    ASSERT_LE(numbers.size(), static_cast<std::size_t>(acknowledged) + 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(numbers[i], static_cast<std::int64_t>(i + 1));
    }
  }
}

TEST_F(LogSpoolTest, ChangedAndMissingBytesAreNoticed) {
  constexpr std::int64_t kRecords = 100;
  std::string path;
  {
    auto spool = Open();
    for (std::int64_t i = 1; i <= kRecords; ++i) ASSERT_TRUE(spool->Append(Numbered(i)).ok());
    path = spool->Segments().at(0)->path();
  }
  Result<std::string> good = ReadFile(path, kFileBytesMax);
  ASSERT_TRUE(good.ok());
  const std::size_t used = good->find_last_not_of('\0') + 1;
  good->resize(used + 64);
  std::mt19937 random(7);
  const std::string copy = directory_ + "/copy";
  for (int round = 0; round < 500; ++round) {
    std::string bad = *good;
    if (round % 4 == 3) {
      bad.resize(random() % bad.size());
    } else {
      char& byte = bad[random() % used];
      byte = static_cast<char>(byte ^ (1 + random() % 255));
    }
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << bad;
    auto segment = LogSegment::Open(copy);
    if (!segment.ok()) continue;
    std::int64_t before = 0;
    for (const std::int64_t number : Read(**segment).Numbers()) {
      ASSERT_GT(number, before);
      ASSERT_LE(number, kRecords);
      before = number;
    }
  }
}

// Payloads with the right checksum that no engine wrote.
TEST_F(LogSpoolTest, ForgedPayloadsAreRefusedWhole) {
  const auto batch = Batch(EveryType());
  const InferenceRecord record = Record(batch, batch);
  std::string good(RecordPayloadSize(record), '\0');
  WriteRecordPayload(record, good.data());
  const std::string schema_payload = SchemaPayload(record);
  const auto schema = ReadSchemaPayload(schema_payload);
  ASSERT_TRUE(schema.ok());
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bad = good;
    const std::size_t word = random() % (bad.size() / 4) * 4;
    const std::uint32_t values[] = {
        0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, static_cast<std::uint32_t>(random())};
    std::memcpy(bad.data() + word, &values[random() % std::size(values)], 4);
    if (round % 5 == 4) bad.resize(random() % bad.size());
    LogAssembler assembler(*schema);
    ASSERT_TRUE(assembler.Add(good).ok());
    const bool added = assembler.Add(bad).ok();
    if (!added) ++refused;
    ASSERT_TRUE(assembler.Add(good).ok());
    const auto rows = assembler.Finish();
    ASSERT_TRUE(rows->Validate().ok()) << rows->Validate().ToString();
    if (added) continue;
    // What was refused left nothing behind.
    ASSERT_EQ(rows->num_rows(), 10);
    const auto second = rows->Slice(5);
    for (const auto& field : batch->schema()->fields()) {
      ASSERT_TRUE(second->GetColumnByName("in." + field->name())
                      ->Equals(batch->GetColumnByName(field->name())))
          << field->name();
    }
  }
  EXPECT_GT(refused, 1000);
  for (int round = 0; round < 2000; ++round) {
    std::string bad = schema_payload;
    char& byte = bad[random() % bad.size()];
    byte = static_cast<char>(byte ^ (1 + random() % 255));
    if (round % 3 == 2) bad.resize(random() % bad.size());
    const auto read = ReadSchemaPayload(bad);
    if (!read.ok()) continue;
    LogAssembler assembler(*read);
    static_cast<void>(assembler.Add(good).ok());
  }
}

TEST_F(LogSpoolTest, PrintsWhatARowCosts) {
  auto spool = Open();
  const auto in = Batch(arrow::ArrayVector(29, Column(arrow::float64(), "[0.5]")));
  const auto out = Batch({Column(arrow::float32(), "[0.5]")});
  const InferenceRecord record = Record(in, out);
  constexpr int kRecords = 200'000;
  // CPU time of this thread: other work on the machine does not count.
  const auto nanos = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  double start = nanos();
  for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(spool->Append(record).ok());
  std::printf("append: %.0f ns per row of 29 doubles\n", (nanos() - start) / kRecords);

  Result<LogSchema> schema = ReadSchemaPayload(SchemaPayload(record));
  ASSERT_TRUE(schema.ok());
  std::string payload(RecordPayloadSize(record), '\0');
  WriteRecordPayload(record, payload.data());
  LogAssembler assembler(*schema);
  start = nanos();
  for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(assembler.Add(payload).ok());
  EXPECT_EQ(assembler.Finish()->num_rows(), kRecords);
  std::printf("assemble: %.0f ns per row of 29 doubles\n", (nanos() - start) / kRecords);
}

}  // namespace
}  // namespace joey::engine
