// Small models and requests for the tests of this folder.
#pragma once

#include <arrow/builder.h>
#include <arrow/record_batch.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/model_runner.h"

namespace joey {

// Gives `value` for each row of its input "x" as its one output.
class ConstantModel : public Model {
 public:
  ConstantModel(float value, std::string output) : value_(value) {
    inputs_ = {{"x", ElementType::kFloat32, {-1}}};
    outputs_ = {{std::move(output), ElementType::kFloat32, {-1}}};
  }
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const override {
    if (failing) return Internal("this model fails");
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    auto values =
        std::make_shared<std::vector<float>>(static_cast<std::size_t>(inputs[0].shape[0]), value_);
    Tensor out;
    out.shape = {inputs[0].shape[0]};
    out.data = values->data();
    out.owner = values;
    std::vector<Tensor> all;
    all.push_back(std::move(out));
    return all;
  }

  std::chrono::milliseconds delay{0};
  bool failing = false;

 private:
  float value_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
};

inline LoadedModel Loaded(std::shared_ptr<const Model> model) {
  LoadedModel loaded;
  loaded.tensors = std::move(model);
  return loaded;
}

inline ModelRunner Runner(const std::string& name, std::shared_ptr<const Model> model) {
  ModelEntry entry;
  entry.reference = {name, "6dbe5524-7bc3-4ff3-8ca8-d454b2cbd0e4", std::string(64, 'a')};
  return *ModelRunner::Make(entry, Loaded(std::move(model)));
}

// Float columns of as many rows as given, and `session_id` where there are keys.
inline std::shared_ptr<arrow::RecordBatch> Rows(
    const std::vector<std::pair<std::string, int>>& columns, std::vector<std::string> keys = {}) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, rows] : columns) {
    arrow::FloatBuilder builder;
    for (int i = 0; i < rows; ++i) (void)builder.Append(static_cast<float>(i));
    fields.push_back(arrow::field(name, arrow::float32(), false));
    arrays.push_back(*builder.Finish());
  }
  if (!keys.empty()) {
    arrow::StringBuilder builder;
    (void)builder.AppendValues(keys);
    fields.push_back(arrow::field("session_id", arrow::utf8(), false));
    arrays.push_back(*builder.Finish());
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), arrays[0]->length(), arrays);
}

inline float FloatAt(const arrow::Array& array, std::int64_t row) {
  return static_cast<const arrow::FloatArray&>(array).Value(row);
}

}  // namespace joey
