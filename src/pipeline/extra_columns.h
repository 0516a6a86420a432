// The columns of a record that only some pipelines have. Internal to pipeline.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/step.h"

namespace joey {

inline constexpr char kModelSplit[] = "_model_split";
inline constexpr char kLastModels[] = "metadata.last_model";

// Gathers columns under their full names.
class ExtraColumns {
 public:
  void Add(std::string name, std::shared_ptr<arrow::Array> column) {
    names_.push_back(std::move(name));
    columns_.push_back(std::move(column));
  }
  // `out_<model>.<field>`, models in alphabetical order.
  void AddShadows(std::vector<ShadowOutput> shadows);
  // `metadata.last_model`, a text for each row.
  void AddLastModels(const Choice& choice, const std::vector<std::string>& texts);

  // A column that was added, or null.
  std::shared_ptr<arrow::Array> Find(std::string_view name) const;

  // Null when nothing was added.
  std::shared_ptr<arrow::RecordBatch> Finish(std::int64_t rows);

 private:
  std::vector<std::string> names_;
  arrow::ArrayVector columns_;
};

// Which model each split took.
struct SplitChoice {
  std::span<const std::string> texts;  // Step::split_texts()
  Choice choice;
};

// `out` with `_model_split` in front: for each row a list of the texts of the models that splits
// chose, one per split (guide L7471).
std::shared_ptr<arrow::RecordBatch> WithModelSplit(const std::shared_ptr<arrow::RecordBatch>& out,
                                                   const std::vector<SplitChoice>& choices);

}  // namespace joey
