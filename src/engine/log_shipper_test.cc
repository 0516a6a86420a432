// Rows on their way from Append() to an HTTP server that plays joey serve.
#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "engine/inference_log.h"
#include "engine/log_shipper.h"
#include "engine/log_spool.h"
#include "http/server.h"

namespace joey::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLong = seconds(60);  // ends a test that hangs

std::shared_ptr<arrow::RecordBatch> Column(const char* name, std::int64_t first,
                                           std::int64_t rows) {
  static const std::map<std::string, std::shared_ptr<arrow::Schema>> kSchemas = {
      {"x", arrow::schema({arrow::field("x", arrow::int64(), false)})},
      {"y", arrow::schema({arrow::field("y", arrow::int64(), false)})}};
  std::vector<std::int64_t> values(static_cast<std::size_t>(rows));
  for (std::int64_t& value : values) value = first++;
  return arrow::RecordBatch::Make(
      kSchemas.at(name), rows,
      {std::make_shared<arrow::Int64Array>(rows, arrow::Buffer::FromVector(std::move(values)))});
}

// Rows first, first + 1 …: both columns hold the row's number.
InferenceRecord Record(std::int64_t first, std::int64_t rows = 1) {
  static const auto kContext = std::make_shared<const RecordContext>(
      RecordContext{"workspace-1-pipeline-p-1", "p", "version", "engine-1", "{}"});
  return {kContext, 1000, rows, Column("x", first, rows), Column("y", first, rows), {7, 8}};
}

// Stores as joey serve does, in memory.
class Receiver {
 public:
  Receiver() {
    server_.Handle("POST", "/v1/internal/logs/{topic}",
                   [this](http::Request& r) { return Take(r); },
                   {.body_bytes_max = limits::kLogAppendBytesMax});
    EXPECT_TRUE(server_.Start().ok());
  }
  std::string address() const { return server_.address().ToString(); }
  void Stop() { server_.Stop(); }

  // The next answers: a status without storing, or (negative) after storing.
  void AnswerNext(std::vector<int> statuses) {
    std::lock_guard lock(mutex_);
    answers_ = std::move(statuses);
  }
  std::vector<std::int64_t> rows() {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  int appends() {
    std::lock_guard lock(mutex_);
    return appends_;
  }

 private:
  http::Response Take(http::Request& request) {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(request.Header("X-Joey-Token"), "secret");
    EXPECT_EQ(request.path_parameters.at(0), "workspace-1-pipeline-p-1");
    int answer = 0;
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.erase(answers_.begin());
    }
    if (answer > 0) return http::Response::Json("{}", answer);
    const std::uint64_t first = std::stoull(std::string(request.Header("X-Joey-Sequence")));
    const std::uint64_t last = std::stoull(std::string(request.Header("X-Joey-Last-Sequence")));
    std::uint64_t& stored = stored_[std::string(request.Header("X-Joey-Source"))];
    if (first <= stored) {
      return http::Response::Json("{\"last_sequence\":" + std::to_string(stored) + "}",
                                  last <= stored ? 200 : 409);
    }
    stored = last;
    ++appends_;
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(
                      std::make_shared<arrow::io::BufferReader>(
                          arrow::Buffer::FromString(std::string(request.body.view()))))
                      .ValueOrDie();
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      EXPECT_TRUE(reader->ReadNext(&batch).ok());
      if (batch == nullptr) break;
      EXPECT_TRUE(batch->ValidateFull().ok());
      const auto& in = static_cast<const arrow::Int64Array&>(*batch->GetColumnByName("in.x"));
      const auto& out = static_cast<const arrow::Int64Array&>(*batch->GetColumnByName("out.y"));
      for (std::int64_t i = 0; i < batch->num_rows(); ++i) {
        EXPECT_EQ(in.Value(i), out.Value(i));
        rows_.push_back(in.Value(i));
      }
    }
    return http::Response::Json("{}", answer < 0 ? -answer : 200);
  }

  std::mutex mutex_;
  std::vector<int> answers_;
  std::map<std::string, std::uint64_t> stored_;
  std::vector<std::int64_t> rows_;
  int appends_ = 0;
  http::Server server_{{}};
};

class LogShipperTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/joey-shipper-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<InferenceLog> Open() {
    auto log = InferenceLog::Make({directory_ + "/spool", directory_ + "/address", "secret"});
    EXPECT_TRUE(log.ok()) << log.status().ToString();
    return std::move(*log);
  }
  void Announce(const Receiver& receiver) {
    std::ofstream(directory_ + "/address") << receiver.address();
  }
  static std::vector<std::int64_t> UpTo(std::int64_t end) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(end));
    for (std::int64_t i = 0; i < end; ++i) out[static_cast<std::size_t>(i)] = i;
    return out;
  }

  std::string directory_;
};

TEST_F(LogShipperTest, RowsOfOneThreadArriveInOrder) {
  Receiver receiver;
  Announce(receiver);
  auto log = Open();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(log->Append(Record(2 * i, 2)).ok());
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(1000));
}

// Segments roll while others are still writing into the old one.
TEST_F(LogShipperTest, NoRowOfManyThreadsIsLostOrOvertaken) {
  Receiver receiver;
  Announce(receiver);
  auto log = Open();
  constexpr int kThreads = 4;
  constexpr std::int64_t kRows = 20000;
  constexpr std::int64_t kEach = 100 * kRows;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t at = 0; at < kEach; at += kRows) {
        EXPECT_TRUE(log->Append(Record(t * kEach + at, kRows)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(log->Flush(kLong));
  std::vector<std::int64_t> rows = receiver.rows();
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kThreads * kEach));
  for (int t = 0; t < kThreads; ++t) {
    std::vector<std::int64_t> own;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(own),
                 [&](std::int64_t value) { return value / kEach == t; });
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
  }
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, UpTo(kThreads * kEach));
}

// joey serve takes a number below the last one for a duplicate.
TEST_F(LogShipperTest, NothingIsShippedBeforeAnEarlierFrameIsWritten) {
  Receiver receiver;
  Announce(receiver);
  auto spool = std::move(*LogSpool::Open(directory_ + "/spool"));
  ASSERT_TRUE(spool->Append(Record(0)).ok());
  FrameHeader* unfinished = spool->Segments().back()->Reserve(64, kRecordFrame, 0, 2);
  std::int64_t end = 1;
  while (spool->Segments().size() == 1) {
    ASSERT_TRUE(spool->Append(Record(end, 60000)).ok());
    end += 60000;
  }
  LogShipper shipper(*spool, directory_ + "/address", "secret");
  EXPECT_FALSE(shipper.Flush(milliseconds(500)));
  EXPECT_EQ(receiver.rows(), UpTo(1));
  LogSegment::Abandon(unfinished);
  ASSERT_TRUE(shipper.Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(end));
}

TEST_F(LogShipperTest, RowsWaitWhileTheServerIsAwayAndFollowItToAnotherPort) {
  auto log = Open();
  ASSERT_TRUE(log->Append(Record(0)).ok());
  EXPECT_FALSE(log->Flush(milliseconds(1)));
  {
    Receiver first;
    Announce(first);
    ASSERT_TRUE(log->Flush(kLong));
    EXPECT_EQ(first.rows(), UpTo(1));
  }
  ASSERT_TRUE(log->Append(Record(1)).ok());
  EXPECT_FALSE(log->Flush(milliseconds(1)));
  Receiver second;
  Announce(second);
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(second.rows(), std::vector<std::int64_t>{1});
}

TEST_F(LogShipperTest, ALostAcknowledgementStoresNothingTwice) {
  Receiver receiver;
  receiver.AnswerNext({-503, 503, 503});
  auto log = Open();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(log->Append(Record(i)).ok());
  Announce(receiver);
  for (int i = 10; i < 20; ++i) ASSERT_TRUE(log->Append(Record(i)).ok());
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(20));
}

TEST_F(LogShipperTest, WhatAnEarlierProcessShippedIsNotStoredAgain) {
  Receiver receiver;
  Announce(receiver);
  {
    auto log = Open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(log->Append(Record(i)).ok());
    ASSERT_TRUE(log->Flush(kLong));
    std::filesystem::remove(directory_ + "/address");
    receiver.AnswerNext({503, 503, 503, 503, 503, 503, 503, 503});
    for (int i = 10; i < 20; ++i) ASSERT_TRUE(log->Append(Record(i)).ok());
  }
  receiver.AnswerNext({});
  Announce(receiver);
  auto log = Open();
  ASSERT_TRUE(log->Append(Record(20)).ok());
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(21));
}

TEST_F(LogShipperTest, RefusedRowsAreSetAsideAndHoldNothingUp) {
  Receiver receiver;
  receiver.AnswerNext({400});
  auto log = Open();
  ASSERT_TRUE(log->Append(Record(1000)).ok());
  Announce(receiver);
  ASSERT_TRUE(log->Flush(kLong));
  ASSERT_TRUE(log->Append(Record(0)).ok());
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(1));
  int aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/spool")) {
    aside += entry.path().filename().string().starts_with("refused-") ? 1 : 0;
  }
  EXPECT_EQ(aside, 1);
}

TEST_F(LogShipperTest, ALargeInferenceIsShippedInPiecesInOrder) {
  Receiver receiver;
  Announce(receiver);
  auto log = Open();
  const std::int64_t rows = 10 * limits::kSpoolFrameRows + 1;
  ASSERT_TRUE(log->Append(Record(0, rows)).ok());
  ASSERT_TRUE(log->Append(Record(rows)).ok());
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(rows + 1));
  EXPECT_GT(receiver.appends(), 1);
}

TEST_F(LogShipperTest, ARowTooLargeForTheLogIsRefused) {
  auto log = Open();
  InferenceRecord record = Record(0);
  const std::string text(limits::kSpoolRowBytesMax + 1, 'x');
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append(text).ok());
  record.in = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::utf8(), false)}), 1,
                                       {builder.Finish().ValueOrDie()});
  EXPECT_EQ(log->Append(record).code(), Code::kPayloadTooLarge);
}

// Arrow allows an array without values to come without its one offset.
TEST_F(LogShipperTest, ListsWithoutValuesAndOffsetsAreKept) {
  Receiver receiver;
  auto log = Open();
  auto floats = arrow::ArrayData::Make(arrow::float32(), 0, {nullptr, nullptr}, 0);
  auto inner = arrow::ArrayData::Make(arrow::list(arrow::float32()), 0, {nullptr, nullptr}, 0);
  inner->child_data.push_back(floats);
  auto outer = arrow::ArrayData::Make(
      arrow::list(inner->type), 1,
      {nullptr, arrow::Buffer::FromVector(std::vector<std::int32_t>{0, 0})}, 0);
  outer->child_data.push_back(inner);
  InferenceRecord record = Record(0);
  record.in = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::int64(), false),
                                                      arrow::field("empty", outer->type, false)}),
                                       1, {record.in->column(0), arrow::MakeArray(outer)});
  ASSERT_TRUE(log->Append(record).ok());
  Announce(receiver);
  ASSERT_TRUE(log->Flush(kLong));
  EXPECT_EQ(receiver.rows(), UpTo(1));
}

// The process is killed while it appends; what Append() answered for is delivered by the next one.
TEST_F(LogShipperTest, AKillLosesNoAnsweredRow) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    auto log = Open();
    for (std::int64_t i = 0;; ++i) {
      if (!log->Append(Record(i)).ok()) ::_exit(1);
      if (::write(pipe[1], &i, sizeof i) != sizeof i) ::_exit(2);
    }
  }
  ASSERT_GT(child, 0);
  ::close(pipe[1]);
  std::int64_t answered = -1;
  while (answered < 5000) ASSERT_EQ(::read(pipe[0], &answered, sizeof answered), 8);
  ::kill(child, SIGKILL);
  while (::read(pipe[0], &answered, sizeof answered) == sizeof answered) {
  }
  ::close(pipe[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));

  Receiver receiver;
  Announce(receiver);
  auto log = Open();
  ASSERT_TRUE(log->Flush(kLong));
  const std::vector<std::int64_t> rows = receiver.rows();
  EXPECT_GT(static_cast<std::int64_t>(rows.size()), answered);
  EXPECT_EQ(rows, UpTo(static_cast<std::int64_t>(rows.size())));
}

}  // namespace
}  // namespace joey::engine
