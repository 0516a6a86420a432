#include "data/made_columns.h"

#include <algorithm>
#include <cstring>

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
  std::vector<std::int32_t> ends(count + 1);
  for (std::size_t i = 0; i <= count; ++i) ends[i] = static_cast<std::int32_t>(i * text.size());
  // What is there is doubled until it is enough: long copies instead of one for each row.
  std::string characters(count * text.size(), '\0');
  std::size_t done = text.copy(characters.data(), std::min(text.size(), characters.size()));
  while (done < characters.size()) {
    const std::size_t more = std::min(done, characters.size() - done);
    std::memcpy(characters.data() + done, characters.data(), more);
    done += more;
  }
  return std::make_shared<arrow::StringArray>(rows, arrow::Buffer::FromVector(std::move(ends)),
                                              arrow::Buffer::FromString(std::move(characters)));
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
