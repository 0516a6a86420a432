#include "data/made_columns.h"

namespace joey {

void TextColumn::Reserve(std::size_t texts, std::size_t characters) {
  ends_.reserve(texts + 1);
  characters_.reserve(characters);
}

void TextColumn::Add(std::string_view text) {
  characters_ += text;
  ends_.push_back(static_cast<std::int32_t>(characters_.size()));
}

std::shared_ptr<arrow::Array> TextColumn::Finish() {
  const std::int64_t count = size();
  return std::make_shared<arrow::StringArray>(count, arrow::Buffer::FromVector(std::move(ends_)),
                                              arrow::Buffer::FromString(std::move(characters_)));
}

std::shared_ptr<arrow::Array> RepeatedText(std::string_view text, std::int64_t rows) {
  const auto count = static_cast<std::size_t>(rows);
  TextColumn column;
  column.Reserve(count, count * text.size());
  for (std::size_t i = 0; i < count; ++i) column.Add(text);
  return column.Finish();
}

std::shared_ptr<arrow::Array> ListColumn(std::vector<std::int32_t> ends,
                                         std::shared_ptr<arrow::Array> values, ListFlavor flavor) {
  const auto rows = static_cast<std::int64_t>(ends.size()) - 1;
  return std::make_shared<arrow::ListArray>(ListOf(values->type(), flavor), rows,
                                            arrow::Buffer::FromVector(std::move(ends)),
                                            std::move(values));
}

std::shared_ptr<arrow::Array> EmptyTextLists(std::int64_t rows) {
  return ListColumn(std::vector<std::int32_t>(static_cast<std::size_t>(rows) + 1, 0),
                    TextColumn().Finish());
}

}  // namespace joey
