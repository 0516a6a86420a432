#include "pipeline/extra_columns.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/schema_cache.h"

namespace joey {

namespace {

// Texts one behind the other.
class TextColumn {
 public:
  void Add(std::string_view text) {
    characters_ += text;
    ends_.push_back(static_cast<std::int32_t>(characters_.size()));
  }
  std::shared_ptr<arrow::Array> Finish() {
    auto count = static_cast<std::int64_t>(ends_.size()) - 1;
    return std::make_shared<arrow::StringArray>(count, arrow::Buffer::FromVector(std::move(ends_)),
                                                arrow::Buffer::FromString(std::move(characters_)));
  }

 private:
  std::string characters_;
  std::vector<std::int32_t> ends_{0};
};

std::string SplitText(const ModelReference& model) {
  return nlohmann::ordered_json{
      {"name", model.name}, {"version", model.version}, {"sha", model.sha}}
      .dump();
}

}  // namespace

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
  Add("metadata.last_model", column.Finish());
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

std::shared_ptr<arrow::RecordBatch> WithModelSplit(
    const std::shared_ptr<arrow::RecordBatch>& out,
    const std::vector<std::pair<const Step*, Choice>>& choices) {
  const std::int64_t rows = out->num_rows();
  std::vector<std::vector<std::string>> texts;
  for (const auto& [step, choice] : choices) {
    texts.emplace_back();
    for (const ModelRunner& model : step->models()) {
      texts.back().push_back(SplitText(model.reference()));
    }
  }
  TextColumn column;
  std::vector<std::int32_t> ends{0};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < choices.size(); ++i) {
      column.Add(texts[i][choices[i].second.Of(row)]);
    }
    ends.push_back(ends.back() + static_cast<std::int32_t>(choices.size()));
  }
  arrow::ArrayVector columns;
  columns.push_back(std::make_shared<arrow::ListArray>(
      ListOf(arrow::utf8(), ListFlavor::kInner), rows, arrow::Buffer::FromVector(std::move(ends)),
      column.Finish()));
  columns.insert(columns.end(), out->columns().begin(), out->columns().end());
  static const std::string kName = "_model_split";
  thread_local SchemaCache schemas;
  auto schema = schemas.Get(columns, [&](std::size_t i) -> const std::string& {
    return i == 0 ? kName : out->schema()->field(static_cast<int>(i) - 1)->name();
  });
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns));
}

}  // namespace joey
