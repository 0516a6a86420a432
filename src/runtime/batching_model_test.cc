#include "runtime/batching_model.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace joey {
namespace {

// Gives each row's value plus one, or with `mixing` plus the mean of the batch. While the gate is
// shut runs wait in it.
class GatedModel : public Model {
 public:
  explicit GatedModel(bool mixing = false) : mixing_(mixing) {
    inputs_ = {{"x", ElementType::kFloat32, {-1}}};
    outputs_ = {{"y", ElementType::kFloat32, {-1}}};
  }
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const override {
    {
      std::unique_lock lock(mutex_);
      batches_.push_back(inputs[0].shape[0]);
      inside_.notify_all();
      gate_.wait(lock, [&] { return open_; });
    }
    const auto* values = static_cast<const float*>(inputs[0].data);
    const auto rows = static_cast<std::size_t>(inputs[0].shape[0]);
    auto out = std::make_shared<std::vector<float>>(values, values + rows);
    float sum = 0;
    for (const float value : *out) {
      if (value < 0) return InvalidArgument("a negative value");
      sum += value;
    }
    for (float& value : *out) value += mixing_ ? sum / static_cast<float>(rows) : 1;
    Tensor tensor;
    tensor.shape = {inputs[0].shape[0]};
    tensor.data = out->data();
    tensor.owner = out;
    std::vector<Tensor> all;
    all.push_back(std::move(tensor));
    return all;
  }

  void Open(bool open) {
    std::lock_guard lock(mutex_);
    open_ = open;
    gate_.notify_all();
  }
  void WaitForRuns(std::size_t count) const {
    std::unique_lock lock(mutex_);
    inside_.wait(lock, [&] { return batches_.size() >= count; });
  }
  std::vector<std::int64_t> TakeBatches() {
    std::lock_guard lock(mutex_);
    return std::exchange(batches_, {});
  }

 private:
  const bool mixing_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  mutable std::mutex mutex_;
  mutable std::condition_variable gate_;
  mutable std::condition_variable inside_;
  mutable std::vector<std::int64_t> batches_;
  bool open_ = true;
};

struct Sent {
  float value;
  float answer = -1;
  std::string error;
};

void Send(const Model& model, Sent& sent) {
  Tensor tensor;
  tensor.shape = {1};
  tensor.data = &sent.value;
  const auto result = model.Run(std::span(&tensor, 1));
  if (result.ok()) {
    sent.answer = *static_cast<const float*>((*result)[0].data);
  } else {
    sent.error = result.status().message();
  }
}

// One request holds the slot while `values` gather behind it; then all run.
std::vector<Sent> Gathered(GatedModel& inner, const BatchingModel& model,
                           const std::vector<float>& values) {
  inner.TakeBatches();
  inner.Open(false);
  Sent first{100};
  std::thread holder([&] { Send(model, first); });
  inner.WaitForRuns(1);
  std::vector<Sent> sent;
  for (const float value : values) sent.push_back({value});
  std::vector<std::thread> threads;
  for (Sent& one : sent) threads.emplace_back([&] { Send(model, one); });
  while (model.waiting() < values.size()) std::this_thread::yield();
  inner.Open(true);
  holder.join();
  for (std::thread& thread : threads) thread.join();
  return sent;
}

TEST(BatchingModel, AloneNothingChanges) {
  auto inner = std::make_shared<GatedModel>();
  const BatchingModel model(inner, 1);
  for (int i = 0; i < 5; ++i) {
    Sent sent{static_cast<float>(i)};
    Send(model, sent);
    EXPECT_EQ(sent.answer, static_cast<float>(i) + 1);
  }
  EXPECT_EQ(inner->TakeBatches(), std::vector<std::int64_t>(5, 1));
}

TEST(BatchingModel, WhatWaitsRunsTogetherAndEachGetsItsOwn) {
  auto inner = std::make_shared<GatedModel>();
  const BatchingModel model(inner, 1);
  for (int round = 0; round < 5; ++round) {
    const auto sent = Gathered(*inner, model, {1, 2, 3, 4});
    for (const Sent& one : sent) EXPECT_EQ(one.answer, one.value + 1);
    const auto batches = inner->TakeBatches();
    EXPECT_EQ(batches[1], 4);
    // The first rounds are run one by one as well, to compare.
    EXPECT_EQ(batches.size(), round < 3 ? 6u : 2u);
  }
  EXPECT_EQ(model.counts().batched_requests, 8u);
}

TEST(BatchingModel, OneBadRequestFailsAlone) {
  auto inner = std::make_shared<GatedModel>();
  const BatchingModel model(inner, 1);
  const auto sent = Gathered(*inner, model, {1, -1, 3});
  EXPECT_EQ(sent[0].answer, 2);
  EXPECT_EQ(sent[1].error, "a negative value");
  EXPECT_EQ(sent[2].answer, 4);
  EXPECT_EQ(model.counts().split_again, 1u);
}

TEST(BatchingModel, AModelThatMixesRowsIsFoundAndNotBatched) {
  auto inner = std::make_shared<GatedModel>(true);
  const BatchingModel model(inner, 1);
  EXPECT_TRUE(model.batches());
  for (const Sent& one : Gathered(*inner, model, {1, 2, 3})) {
    EXPECT_EQ(one.answer, 2 * one.value);
  }
  EXPECT_FALSE(model.batches());
}

TEST(BatchingModel, ManyThreadsGetTheirOwnAnswers) {
  auto inner = std::make_shared<GatedModel>();
  const BatchingModel model(inner, 2);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        Sent sent{static_cast<float>(t * 1000 + i)};
        Send(model, sent);
        if (sent.answer != sent.value + 1) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace joey
