// Log rows as engines make them, for tests.
#pragma once

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "logs/log_store.h"
#include "logs/query.h"

namespace joey::logs {

inline constexpr const char* kTopic = "workspace-1-pipeline-p-1";

// Rows first, first + 1 …: the value of a row is its number, its time 1000 + number.
inline std::shared_ptr<arrow::RecordBatch> MakeRows(std::int64_t first, std::int64_t rows,
                                                    bool doubles = false, int width = 1) {
  arrow::TimestampBuilder time(arrow::timestamp(arrow::TimeUnit::MILLI),
                               arrow::default_memory_pool());
  auto type = doubles ? arrow::float64() : arrow::float32();
  std::unique_ptr<arrow::ArrayBuilder> in_values;
  EXPECT_TRUE(arrow::MakeBuilder(arrow::default_memory_pool(), type, &in_values).ok());
  arrow::ListBuilder in(arrow::default_memory_pool(), std::move(in_values));
  arrow::Int64Builder out;
  arrow::UInt32Builder count;
  arrow::StringBuilder model;
  arrow::ListBuilder dropped(arrow::default_memory_pool(),
                             std::make_shared<arrow::StringBuilder>());
  for (std::int64_t i = first; i < first + rows; ++i) {
    EXPECT_TRUE(time.Append(1000 + i).ok());
    EXPECT_TRUE(in.Append().ok());
    for (int j = 0; j < width; ++j) {
      EXPECT_TRUE((doubles ? static_cast<arrow::DoubleBuilder*>(in.value_builder())
                                 ->Append(static_cast<double>(i))
                           : static_cast<arrow::FloatBuilder*>(in.value_builder())
                                 ->Append(static_cast<float>(i)))
                      .ok());
    }
    EXPECT_TRUE(out.Append(i).ok());
    EXPECT_TRUE(count.Append(0).ok());
    EXPECT_TRUE(model.Append("{\"model_name\":\"m\"}").ok());
    EXPECT_TRUE(dropped.Append().ok());
  }
  const auto schema = arrow::schema({arrow::field("time", time.type()),
                                     arrow::field("in.tensor", arrow::list(type), false),
                                     arrow::field("out.y", arrow::int64(), false),
                                     arrow::field("anomaly.count", arrow::uint32(), false),
                                     arrow::field("metadata.last_model", arrow::utf8()),
                                     arrow::field("metadata.dropped", arrow::list(arrow::utf8()))});
  return arrow::RecordBatch::Make(
      schema, rows,
      {time.Finish().ValueOrDie(), in.Finish().ValueOrDie(), out.Finish().ValueOrDie(),
       count.Finish().ValueOrDie(), model.Finish().ValueOrDie(), dropped.Finish().ValueOrDie()});
}

inline std::string Stream(const arrow::RecordBatch& batch) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto writer = arrow::ipc::MakeStreamWriter(sink.get(), batch.schema()).ValueOrDie();
  EXPECT_TRUE(writer->WriteRecordBatch(batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return sink->Finish().ValueOrDie()->ToString();
}

// A store in a new directory, removed at the end.
class LogsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/joey-logs-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Reopen() {
    store_.reset();
    auto store = LogStore::Open(directory_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(*store);
  }

  Result<AppendResult> TryAppend(const arrow::RecordBatch& batch, std::uint64_t first,
                                 std::uint64_t last, std::string source = "s") {
    const std::string stream = Stream(batch);
    return store_->Append(kTopic, {std::move(source), first, last, stream});
  }
  // Appends rows as the next frame of source "s".
  void Append(std::int64_t first, std::int64_t rows, bool doubles = false, int width = 1) {
    ++sequence_;
    const auto result = TryAppend(*MakeRows(first, rows, doubles, width), sequence_, sequence_);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    ASSERT_EQ(result->kind, AppendResult::Kind::kStored);
  }

  Page Read(const Query& query, const std::optional<Cursor>& from = {}) {
    auto page = ReadPage(store_->Find(kTopic), query, from);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    return page.ok() ? std::move(*page) : Page{};
  }
  // The row numbers of a page.
  static std::vector<std::int64_t> Numbers(const Page& page) {
    std::vector<std::int64_t> out;
    const auto column = page.batch->GetColumnByName("out.y");
    if (column == nullptr) return out;
    const auto& values = static_cast<const arrow::Int64Array&>(*column);
    for (std::int64_t i = 0; i < values.length(); ++i) out.push_back(values.Value(i));
    return out;
  }
  std::string SegmentPath(int number = 1) const {
    return directory_ + "/" + kTopic + "/" + SegmentName(number);
  }

  std::string directory_;
  std::unique_ptr<LogStore> store_;
  std::uint64_t sequence_ = 0;
};

inline Query Flat(bool newest_first, std::optional<std::int64_t> limit = {}) {
  Query query;
  query.newest_first = newest_first;
  query.limit = limit;
  query.separator = ".";
  return query;
}

// first, first + step … `count` numbers.
inline std::vector<std::int64_t> Range(std::int64_t first, std::int64_t count, int step = 1) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(first + i * step);
  return out;
}

}  // namespace joey::logs
