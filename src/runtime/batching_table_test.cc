#include "runtime/batching_table.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

namespace joey {
namespace {

std::shared_ptr<arrow::RecordBatch> Table(const std::vector<double>& values) {
  arrow::DoubleBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  auto column = builder.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::float64())}),
                                  column->length(), {column});
}

std::vector<double> Values(const arrow::RecordBatch& batch) {
  const auto& column = static_cast<const arrow::DoubleArray&>(*batch.column(0));
  EXPECT_EQ(column.offset(), 0);
  return {column.raw_values(), column.raw_values() + column.length()};
}

// Gives each value plus one, or with `mixing` plus the mean of the batch; refuses negative ones.
// While the gate is shut runs wait in it.
class GatedTable : public TableModel {
 public:
  explicit GatedTable(bool mixing = false) : mixing_(mixing) {}
  const std::shared_ptr<arrow::Schema>& input_schema() const override { return none_; }
  const std::shared_ptr<arrow::Schema>& output_schema() const override { return none_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Run(
      std::shared_ptr<arrow::RecordBatch> in) const override {
    {
      std::unique_lock lock(mutex_);
      runs_.push_back(in->num_rows());
      gate_.notify_all();
      gate_.wait(lock, [&] { return open_; });
    }
    std::vector<double> values = Values(*in);
    const double mean =
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    for (double& value : values) {
      if (value < 0) return InvalidArgument("a negative value");
      value += mixing_ ? mean : 1;
    }
    return Table(values);
  }

  void Open(bool open) {
    std::lock_guard lock(mutex_);
    open_ = open;
    gate_.notify_all();
  }
  void WaitForRun() const {
    std::unique_lock lock(mutex_);
    gate_.wait(lock, [&] { return !runs_.empty(); });
  }
  std::vector<std::int64_t> TakeRuns() {
    std::lock_guard lock(mutex_);
    return std::exchange(runs_, {});
  }

 private:
  const bool mixing_;
  const std::shared_ptr<arrow::Schema> none_;
  mutable std::mutex mutex_;
  mutable std::condition_variable gate_;
  mutable std::vector<std::int64_t> runs_;
  bool open_ = true;
};

struct Sent {
  std::vector<double> values;
  Result<std::shared_ptr<arrow::RecordBatch>> answer = Internal("not sent");
};

// The first is inside the model while the others come and wait.
std::vector<std::int64_t> SendTogether(GatedTable& inner, const BatchingTable& model,
                                       std::vector<Sent>& all) {
  inner.Open(false);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, sent = &all[i]] { sent->answer = model.Run(Table(sent->values)); });
    if (i == 0) {
      inner.WaitForRun();
    } else {
      while (model.waiting() < i) std::this_thread::yield();
    }
  }
  inner.Open(true);
  for (std::thread& thread : threads) thread.join();
  return inner.TakeRuns();
}

TEST(BatchingTable, RequestsThatWaitRunTogether) {
  auto inner = std::make_shared<GatedTable>();
  const BatchingTable model(inner, 1);
  for (int round = 0; round < 5; ++round) {
    std::vector<Sent> all = {{{1}}, {{2, 3}}, {{4}}, {{5}}};
    const std::vector<std::int64_t> runs = SendTogether(*inner, model, all);
    ASSERT_GE(runs.size(), 2U);
    EXPECT_EQ(runs[0], 1);
    EXPECT_EQ(runs[1], 4);
    EXPECT_EQ(runs.size(), round < 3 ? 5U : 2U);  // the first batches are compared
    for (const Sent& sent : all) {
      ASSERT_TRUE(sent.answer.ok());
      std::vector<double> expected = sent.values;
      for (double& value : expected) value += 1;
      EXPECT_EQ(Values(**sent.answer), expected);
    }
  }
}

TEST(BatchingTable, OnlyTheRequestThatIsBadFails) {
  auto inner = std::make_shared<GatedTable>();
  const BatchingTable model(inner, 1);
  std::vector<Sent> all = {{{1}}, {{2}}, {{-3}}, {{4}}};
  SendTogether(*inner, model, all);
  EXPECT_EQ(Values(**all[1].answer), std::vector<double>{3});
  EXPECT_EQ(all[2].answer.status().message(), "a negative value");
  EXPECT_EQ(Values(**all[3].answer), std::vector<double>{5});
}

TEST(BatchingTable, AModelThatMixesRowsIsLeftAlone) {
  auto inner = std::make_shared<GatedTable>(true);
  const BatchingTable model(inner, 1);
  std::vector<Sent> all = {{{1}}, {{2}}, {{4}}};
  SendTogether(*inner, model, all);
  EXPECT_EQ(Values(**all[1].answer), std::vector<double>{4});
  EXPECT_EQ(Values(**all[2].answer), std::vector<double>{8});
  EXPECT_EQ(Values(**model.Run(Table({10}))), std::vector<double>{20});
}

}  // namespace
}  // namespace joey
