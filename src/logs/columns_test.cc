// Columns that only some pipelines have: splits, shadows, validations (guide L6585-6788,
// L7296-7539).
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "logs/failures.h"
#include "logs/logs_test_support.h"

namespace joey::logs {
namespace {

using Texts = std::vector<std::string>;

// Rows made column by column; all have the columns `time` and `out.y`, the row's number.
class Rows {
 public:
  Rows(std::int64_t first, std::int64_t count) : first_(first), count_(count) {
    arrow::TimestampBuilder time(arrow::timestamp(arrow::TimeUnit::MILLI),
                                 arrow::default_memory_pool());
    arrow::Int64Builder number;
    for (std::int64_t row = first; row < first + count; ++row) {
      EXPECT_TRUE(time.Append(1000 + row).ok());
      EXPECT_TRUE(number.Append(row).ok());
    }
    Add("time", time, true);
    Add("out.y", number);
  }

  // value(row number)
  template <typename Function>
  Rows& Bool(const std::string& name, Function value) {
    arrow::BooleanBuilder builder;
    return Fill(name, builder, [&](std::int64_t row) { return builder.Append(value(row)); });
  }
  template <typename Function>
  Rows& Count(const std::string& name, Function value) {
    arrow::UInt32Builder builder;
    return Fill(name, builder, [&](std::int64_t row) { return builder.Append(value(row)); });
  }
  template <typename Function>
  Rows& TextLists(const std::string& name, Function value) {
    arrow::ListBuilder builder(arrow::default_memory_pool(),
                               std::make_shared<arrow::StringBuilder>());
    return Fill(name, builder, [&](std::int64_t row) {
      EXPECT_TRUE(builder.Append().ok());
      const Texts texts = value(row);
      return static_cast<arrow::StringBuilder*>(builder.value_builder())->AppendValues(texts);
    });
  }
  Rows& Version(const std::string& version) {
    arrow::StringBuilder builder;
    return Fill("metadata.pipeline_version", builder,
                [&](std::int64_t /*row*/) { return builder.Append(version); });
  }
  Rows& Numbers(const std::string& name) {
    arrow::Int64Builder builder;
    return Fill(name, builder, [&](std::int64_t row) { return builder.Append(row); });
  }

  std::shared_ptr<arrow::RecordBatch> Batch() const {
    return arrow::RecordBatch::Make(arrow::schema(fields_), count_, arrays_);
  }

 private:
  template <typename Function>
  Rows& Fill(const std::string& name, arrow::ArrayBuilder& builder, Function append) {
    for (std::int64_t row = first_; row < first_ + count_; ++row) EXPECT_TRUE(append(row).ok());
    Add(name, builder);
    return *this;
  }
  void Add(const std::string& name, arrow::ArrayBuilder& builder, bool nullable = false) {
    arrays_.push_back(builder.Finish().ValueOrDie());
    fields_.push_back(arrow::field(name, arrays_.back()->type(), nullable));
  }

  std::int64_t first_;
  std::int64_t count_;
  arrow::FieldVector fields_;
  arrow::ArrayVector arrays_;
};

bool EveryTenth(std::int64_t row) { return row % 10 == 0; }
bool Never(std::int64_t /*row*/) { return false; }
std::uint32_t TenthCounts(std::int64_t row) { return EveryTenth(row) ? 1 : 0; }
std::uint32_t NoCounts(std::int64_t /*row*/) { return 0; }

class ColumnsTest : public LogsTest {
 protected:
  void Store(const Rows& rows) {
    ++sequence_;
    const auto result = TryAppend(*rows.Batch(), sequence_, sequence_);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
  }
  bool IsRefused(const Rows& rows) {
    ++sequence_;
    const auto result = TryAppend(*rows.Batch(), sequence_, sequence_);
    return !result.ok() && result.status().code() == Code::kInvalidArgument;
  }
  // The names of the columns of the newest page.
  Texts Names(std::vector<std::string> include, std::vector<std::string> exclude,
              std::string separator = ".") {
    Query query = Flat(true);
    query.dataset = Dataset(std::move(include), std::move(exclude));
    query.separator = std::move(separator);
    const Page page = Read(query);
    EXPECT_TRUE(page.batch->ValidateFull().ok());
    return page.batch->schema()->field_names();
  }
  static Query Failed(bool newest_first, std::optional<std::int64_t> limit = {}) {
    Query query = Flat(newest_first, limit);
    query.failures_only = true;
    return query;
  }
};

TEST_F(ColumnsTest, ValidationsAreStoredAndSelected) {
  Store(Rows(0, 3)
            .Count("anomaly.count", TenthCounts)
            .Bool("anomaly.fraud", EveryTenth)
            .Bool("anomaly.too_low", Never));
  EXPECT_EQ(Names({"*"}, {}),
            (Texts{"time", "out.y", "anomaly.count", "anomaly.fraud", "anomaly.too_low"}));
  EXPECT_EQ(Names({"anomaly"}, {}),
            (Texts{"time", "anomaly.count", "anomaly.fraud", "anomaly.too_low"}));
  EXPECT_EQ(Names({"time", "out", "anomaly.count"}, {"anomaly"}),
            (Texts{"time", "out.y", "anomaly.count"}));
  EXPECT_EQ(Names({"*"}, {"anomaly.fraud"}),
            (Texts{"time", "out.y", "anomaly.count", "anomaly.too_low"}));
  EXPECT_EQ(Names({"*"}, {}, ""), (Texts{"time", "out", "anomaly"}));
  EXPECT_EQ(Names({"*"}, {}, "_"),
            (Texts{"time", "out_y", "anomaly_count", "anomaly_fraud", "anomaly_too_low"}));
  const Page page = Read(Flat(false));
  const auto& fraud =
      static_cast<const arrow::BooleanArray&>(*page.batch->GetColumnByName("anomaly.fraud"));
  EXPECT_TRUE(fraud.Value(0));
  EXPECT_FALSE(fraud.Value(1));
}

TEST_F(ColumnsTest, ShadowsAreGroupsOfTheirOwn) {
  Store(Rows(0, 2)
            .Numbers("out_rf-1.variable")
            .Numbers("out_xgb.a.b")
            .Count("anomaly.count", NoCounts));
  EXPECT_EQ(Names({"*"}, {}),
            (Texts{"time", "out.y", "out_rf-1.variable", "out_xgb.a.b", "anomaly.count"}));
  EXPECT_EQ(Names({"out"}, {}), (Texts{"time", "out.y"}));
  EXPECT_EQ(Names({"out_xgb"}, {}), (Texts{"time", "out_xgb.a.b"}));
  EXPECT_EQ(Names({"*"}, {"out_rf-1", "anomaly"}), (Texts{"time", "out.y", "out_xgb.a.b"}));
  EXPECT_EQ(Names({"out_rf-1.variable"}, {}), (Texts{"time", "out_rf-1.variable"}));
  EXPECT_EQ(Names({"*"}, {}, ""), (Texts{"time", "out", "out_rf-1", "out_xgb", "anomaly"}));
}

TEST_F(ColumnsTest, SplitsNameTheModelOfEachRow) {
  const auto served = [](std::int64_t row) {
    return Texts{row % 2 == 0 ? R"({"name":"a"})" : R"({"name":"b"})"};
  };
  Store(Rows(0, 3).TextLists("out._model_split", served).TextLists("check_failures", [](auto) {
    return Texts{};
  }));
  const Page page = Read(Flat(true));
  EXPECT_EQ(page.batch->GetColumnByName("out._model_split")->ToString(),
            "[\n  [\n    \"{\"name\":\"a\"}\"\n  ],\n  [\n    \"{\"name\":\"b\"}\"\n  ],\n  [\n    "
            "\"{\"name\":\"a\"}\"\n  ]\n]");
  EXPECT_EQ(Names({"out._model_split"}, {}), (Texts{"time", "out._model_split"}));
}

TEST_F(ColumnsTest, OtherTypesAndNamesAreRefused) {
  EXPECT_TRUE(IsRefused(Rows(0, 1).Count("anomaly.fraud", NoCounts)));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Bool("anomaly.count", Never)));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Bool("anomaly.", Never)));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Bool("anomaly", Never)));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Bool("check_failures", Never)));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Numbers("out_m")));
  EXPECT_TRUE(IsRefused(Rows(0, 1).Numbers("outer.m")));
  EXPECT_EQ(Read(Flat(true)).batch->num_rows(), 0);
}

TEST_F(ColumnsTest, ANewValidationIsAChangeOfTheSchema) {
  Store(Rows(0, 3).Count("anomaly.count", NoCounts));
  Store(Rows(3, 2).Count("anomaly.count", TenthCounts).Bool("anomaly.v", EveryTenth));
  Page page = Read(Flat(true));
  EXPECT_EQ(Numbers(page), Range(4, 2, -1));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
  page = Read(Flat(true), page.next);
  EXPECT_EQ(Numbers(page), Range(2, 3, -1));
  EXPECT_EQ(page.end, PageEnd::kAll);
  Query common = Flat(true);
  common.dataset = Dataset({"out", "anomaly.count"}, {});
  EXPECT_EQ(Numbers(Read(common)), Range(4, 5, -1));
}

TEST_F(ColumnsTest, LateChallengersAreNullsWithinAVersion) {
  Store(Rows(0, 2).Numbers("out_a.x").Count("anomaly.count", NoCounts).Version("v1"));
  Store(Rows(2, 2).Count("anomaly.count", NoCounts).Version("v1"));
  Store(Rows(4, 1)
            .Numbers("out_b.x")
            .Numbers("out_a.x")
            .Count("anomaly.count", NoCounts)
            .Version("v1"));
  Store(Rows(5, 1).Count("anomaly.count", NoCounts).Version("v2"));
  Page page = Read(Flat(false));
  EXPECT_EQ(Numbers(page), Range(0, 5));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
  EXPECT_TRUE(page.batch->ValidateFull().ok());
  EXPECT_EQ(page.batch->schema()->ToString(),
            "time: int64 not null\nout.y: int64 not null\nout_a.x: int64\nout_b.x: int64\n"
            "anomaly.count: uint32 not null");
  EXPECT_EQ(page.batch->GetColumnByName("out_a.x")->ToString(),
            "[\n  0,\n  1,\n  null,\n  null,\n  4\n]");
  EXPECT_EQ(page.batch->GetColumnByName("out_b.x")->ToString(),
            "[\n  null,\n  null,\n  null,\n  null,\n  4\n]");
  page = Read(Flat(false), page.next);
  EXPECT_EQ(Numbers(page), Range(5, 1));

  page = Read(Flat(true));
  EXPECT_EQ(Numbers(page), Range(5, 1));
  page = Read(Flat(true), page.next);
  EXPECT_EQ(Numbers(page), Range(4, 5, -1));
  EXPECT_EQ(page.batch->GetColumnByName("out_a.x")->ToString(),
            "[\n  4,\n  null,\n  null,\n  1,\n  0\n]");
  Query nested = Flat(false);
  nested.separator = "";
  EXPECT_TRUE(Read(nested).batch->ValidateFull().ok());
}

TEST_F(ColumnsTest, OtherOutputsAreAChangeOfTheSchema) {
  Store(Rows(0, 2).Numbers("out.z").Version("v1"));
  Store(Rows(2, 2).Version("v1"));
  const Page page = Read(Flat(false));
  EXPECT_EQ(Numbers(page), Range(0, 2));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
}

TEST_F(ColumnsTest, TheOrderOfColumnsIsNoChangeOfTheSchema) {
  Store(Rows(0, 2).Numbers("in.a").Bool("in.b", EveryTenth));
  Store(Rows(2, 2).Bool("in.b", EveryTenth).Numbers("in.a"));
  Store(Rows(4, 2).Bool("in.b", EveryTenth).Bool("in.a", EveryTenth));
  Page page = Read(Flat(false));
  EXPECT_EQ(Numbers(page), Range(0, 4));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
  EXPECT_TRUE(page.batch->ValidateFull().ok());
  EXPECT_EQ(page.batch->schema()->field_names(), (Texts{"time", "in.a", "in.b", "out.y"}));
  EXPECT_EQ(page.batch->GetColumnByName("in.a")->ToString(), "[\n  0,\n  1,\n  2,\n  3\n]");
  page = Read(Flat(false), page.next);
  EXPECT_EQ(Numbers(page), Range(4, 2));
}

TEST_F(ColumnsTest, FailuresAreAViewOfTheSameRows) {
  Store(Rows(0, 2500).Count("anomaly.count", TenthCounts).Bool("anomaly.v", EveryTenth));
  Store(Rows(2500, 100).Count("anomaly.count", NoCounts).Bool("anomaly.v", Never));
  Store(Rows(2600, 100).Count("anomaly.count", TenthCounts).Bool("anomaly.v", EveryTenth));
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    EXPECT_EQ(Numbers(Read(Failed(false))), [] {
      auto all = Range(0, 250, 10);
      const auto last = Range(2600, 10, 10);
      all.insert(all.end(), last.begin(), last.end());
      return all;
    }());
    const Page page = Read(Failed(true, 12));
    EXPECT_EQ(page.end, PageEnd::kRecordLimited);
    auto expected = Range(2690, 10, -10);
    expected.push_back(2490);
    expected.push_back(2480);
    EXPECT_EQ(Numbers(page), expected);
    EXPECT_EQ(Numbers(Read(Failed(true, 12), page.next)), Range(2470, 12, -10));
  }
  EXPECT_EQ(Read(Failed(true, 260)).end, PageEnd::kAll);
  EXPECT_EQ(Read(Failed(true, 259)).end, PageEnd::kRecordLimited);
  Query dates = Failed(false);
  dates.time_start = 1000 + 2485;
  dates.time_end = 1000 + 2610;
  EXPECT_EQ(Numbers(Read(dates)), (std::vector<std::int64_t>{2490, 2600, 2610}));
}

TEST_F(ColumnsTest, ARowFailsByItsListToo) {
  const auto failures = [](std::int64_t row) {
    return row == 1 ? Texts{"m.outputs[0][0] < 100", "x"} : Texts{};
  };
  Store(Rows(0, 3).TextLists("check_failures", failures));
  Store(Rows(3, 2));
  const Page page = Read(Failed(true));
  EXPECT_EQ(Numbers(page), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(page.end, PageEnd::kAll);
  EXPECT_EQ(CountFailures(*Rows(0, 3).TextLists("check_failures", failures).Batch()), 1);
  EXPECT_EQ(CountFailures(*Rows(0, 3).Batch()), 0);
}

TEST_F(ColumnsTest, NoFailuresAtAll) {
  Store(Rows(0, 5).Count("anomaly.count", NoCounts));
  const Page page = Read(Failed(true));
  EXPECT_EQ(page.batch->num_rows(), 0);
  EXPECT_EQ(page.end, PageEnd::kAll);
}

}  // namespace
}  // namespace joey::logs
