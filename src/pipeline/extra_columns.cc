#include "pipeline/extra_columns.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <algorithm>

#include "data/made_columns.h"

namespace joey {

void ExtraColumns::AddShadows(std::vector<ShadowOutput> shadows) {
  std::sort(shadows.begin(), shadows.end(),
            [](const ShadowOutput& a, const ShadowOutput& b) { return *a.model < *b.model; });
  for (const ShadowOutput& shadow : shadows) {
    for (int i = 0; i < shadow.out->num_columns(); ++i) {
      Add("out_" + *shadow.model + "." + shadow.out->schema()->field(i)->name(),
          shadow.out->column(i));
    }
  }
}

void ExtraColumns::AddLastModels(const Choice& choice, const std::vector<std::string>& texts) {
  TextColumn column;
  for (const std::uint32_t model : choice.by_row) column.Add(texts[model]);
  Add(kLastModels, column.Finish());
}

std::shared_ptr<arrow::Array> ExtraColumns::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  return found == names_.end() ? nullptr
                               : columns_[static_cast<std::size_t>(found - names_.begin())];
}

std::shared_ptr<arrow::RecordBatch> ExtraColumns::Finish(std::int64_t rows) {
  if (columns_.empty()) return nullptr;
  thread_local SchemaCache schemas;
  auto schema =
      schemas.Get(columns_, [&](std::size_t i) -> const std::string& { return names_[i]; });
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns_));
}

std::shared_ptr<arrow::RecordBatch> WithModelSplit(const std::shared_ptr<arrow::RecordBatch>& out,
                                                   const std::vector<SplitChoice>& choices) {
  const std::int64_t rows = out->num_rows();
  TextColumn column;
  std::vector<std::int32_t> ends{0};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const SplitChoice& split : choices) column.Add(split.texts[split.choice.Of(row)]);
    ends.push_back(ends.back() + static_cast<std::int32_t>(choices.size()));
  }
  arrow::ArrayVector columns;
  columns.push_back(ListColumn(std::move(ends), column.Finish(), ListFlavor::kInner));
  columns.insert(columns.end(), out->columns().begin(), out->columns().end());
  static const std::string kName = kModelSplit;
  thread_local SchemaCache schemas;
  auto schema = schemas.Get(columns, [&](std::size_t i) -> const std::string& {
    return i == 0 ? kName : out->schema()->field(static_cast<int>(i) - 1)->name();
  });
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns));
}

}  // namespace joey
