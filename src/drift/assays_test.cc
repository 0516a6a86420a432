// Values out of a log, uploaded assays and their schedule.
#include "drift/assays.h"

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "control/control_test_support.h"
#include "drift/schedule.h"
#include "logs/logs_test_support.h"

namespace joey::drift {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecond = 1'000'000;

// The log of the pipeline has 10,000 rows: row number n is of millisecond 1000 + n and holds n.
class AssaysTest : public control::ControlTest {
 protected:
  void SetUp() override {
    ControlTest::SetUp();
    pipeline_ = CreatePipeline("p", {}).pipeline_id;
    logs_ = std::move(logs::LogStore::Open(directory_ + "/logs").value());
    for (int i = 0; i < 5; ++i) {
      const std::string stream = logs::Stream(*logs::MakeRows(i * 2000, 2000));
      const auto sequence = static_cast<std::uint64_t>(i + 1);
      ASSERT_TRUE(logs_->Append(Topic(), {"s", sequence, sequence, stream}).ok());
    }
    assays_ = std::make_unique<Assays>(*database_);
  }
  void TearDown() override {
    assays_.reset();
    logs_.reset();
    ControlTest::TearDown();
  }

  std::string Topic() const { return TopicName(*pipelines_->Get(pipeline_)); }

  // Windows of a second from the first row on.
  json Document(const std::string& name = "a", const std::string& path = "output y 0") const {
    std::vector<double> values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    return {{"name", name},
            {"pipeline_id", pipeline_},
            {"baseline", {{"static", ToJson(*SummarizeBaseline({}, values))}}},
            {"window",
             {{"pipeline_name", "p"},
              {"model_name", "m"},
              {"path", path},
              {"width", "1 seconds"},
              {"start", "1970-01-01T00:00:01Z"}}},
            {"summarizer", ToJson(Summarizer())},
            {"alert_threshold", 0.25}};
  }
  Result<std::int64_t> Create(const json& document) {
    return assays_->Create(document, *ParseAssay(document), control::kDefaultUserId);
  }
  std::vector<std::int64_t> Starts(std::int64_t id) {
    std::vector<std::int64_t> out;
    const json results = *assays_->Results(id, 0, NowMicros());
    for (const json& one : results) {
      out.push_back(*ParseMicros(one["window_start"].get<std::string>()) / kSecond);
    }
    return out;
  }

  std::int64_t pipeline_ = 0;
  std::unique_ptr<logs::LogStore> logs_;
  std::unique_ptr<Assays> assays_;
};

TEST_F(AssaysTest, ValuesOfATime) {
  Source source = {"p", "m", "output y 0", *ParseIoPath("output y 0"), {}};
  const LogValues values(logs_->Find(Topic()), source);
  const auto read = [&](std::int64_t start, std::int64_t end) { return *values.Read(start, end); };
  EXPECT_EQ(read(0, kSecond).size(), 0u);
  EXPECT_EQ(read(kSecond, kSecond + 1000), (std::vector<double>{0}));
  EXPECT_EQ(read(kSecond + 999, kSecond + 1001), (std::vector<double>{0, 1}));
  EXPECT_EQ(read(0, 100 * kSecond).size(), 10000u);
  EXPECT_EQ(read(2 * kSecond, 4 * kSecond).front(), 1000);
  EXPECT_EQ(read(2 * kSecond, 4 * kSecond).back(), 2999);
  EXPECT_EQ(values.NextTime(0), kSecond);
  EXPECT_EQ(values.NextTime(2 * kSecond), 2 * kSecond);
  EXPECT_FALSE(values.NextTime(100 * kSecond));
  const Source other = {"p", "n", "output y 0", source.io_path, {}};
  EXPECT_EQ(LogValues(logs_->Find(Topic()), other).Read(0, 100 * kSecond).status().code(),
            Code::kNotFound);
  const Source list = {"p", "m", "input tensor 0", *ParseIoPath("input tensor 0"), {}};
  EXPECT_EQ(LogValues(logs_->Find(Topic()), list).Read(0, 100 * kSecond)->size(), 10000u);
  EXPECT_TRUE(LogValues(nullptr, source).Read(0, 100 * kSecond)->empty());
}

TEST_F(AssaysTest, NextWindowStepsOverTimesWithoutRows) {
  json document = Document();
  document["window"]["start"] = "1969-01-01T00:00:00Z";
  const Assay assay = *ParseAssay(document);
  const LogValues values(logs_->Find(Topic()), assay.window.source);
  const std::int64_t now = 1'000'000 * kSecond;
  EXPECT_EQ(NextWindow(assay, values, *assay.window.start, now), kSecond);
  EXPECT_EQ(NextWindow(assay, values, kSecond, now), 2 * kSecond);
  EXPECT_EQ(NextWindow(assay, values, 10 * kSecond, now), now);
  EXPECT_EQ(NextWindow(assay, values, 10 * kSecond, 11 * kSecond), 11 * kSecond);
  const auto analyses = AnalyzeWindows(assay, logs_->Find(Topic()), now);
  ASSERT_TRUE(analyses.ok());
  EXPECT_EQ(analyses->size(), 10u);
}

TEST_F(AssaysTest, NamesAreUnique) {
  ASSERT_TRUE(Create(Document()).ok());
  EXPECT_EQ(Create(Document()).status().code(), Code::kAlreadyExists);
  EXPECT_FALSE(Create(Document("")).ok());
  EXPECT_EQ(assays_->List(control::Viewer())->size(), 1u);
  EXPECT_TRUE(assays_->List(control::Viewer("nobody"))->empty());
}

TEST_F(AssaysTest, AWindowHasOneResult) {
  const std::int64_t id = *Create(Document());
  const AssayRecord record = assays_->Due(NowMicros())->front();
  const LogValues values(logs_->Find(Topic()), record.assay.window.source);
  const auto analysis = *AnalyzeWindow(record.assay, values, record.next_window);
  ASSERT_TRUE(analysis);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(assays_->Advance(record, analysis, record.next_window + kSecond).ok());
  }
  EXPECT_EQ(Starts(id), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(assays_->List(control::Viewer())->front().next_window, 2 * kSecond);
  // Turned off while a window was at work: its result is not kept.
  const AssayRecord next = assays_->Due(NowMicros())->front();
  ASSERT_TRUE(assays_->SetActive(id, false).ok());
  ASSERT_TRUE(assays_->Advance(next, analysis, next.next_window + kSecond).ok());
  EXPECT_EQ(Starts(id).size(), 1u);
  EXPECT_TRUE(assays_->Due(NowMicros())->empty());
  ASSERT_TRUE(assays_->SetActive(id, true).ok());
  const AssayRecord on = assays_->List(control::Viewer())->front();
  EXPECT_GT(on.next_run(), NowMicros() - kSecond);
  EXPECT_EQ(on.next_window % kSecond, 0);
  EXPECT_EQ(assays_->SetActive(99, true).code(), Code::kNotFound);
}

TEST_F(AssaysTest, TheScheduleMakesUpForWhatWasMissed) {
  const std::int64_t id = *Create(Document());
  // A field that is in no row keeps nobody waiting.
  ASSERT_TRUE(Create(Document("none", "output z 0")).ok());
  {
    Schedule schedule(*assays_, *logs_, *database_);
    schedule.Start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Starts(id).size() < 10 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  EXPECT_EQ(Starts(id), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  const AssayRecord record = assays_->List(control::Viewer())->front();
  EXPECT_EQ(record.alerts, 10);
  EXPECT_EQ(record.ok + record.warnings, 0);
  EXPECT_TRUE(record.last_run);
}

}  // namespace
}  // namespace joey::drift
