// Columns that Joey makes itself: times, counts, names, verdicts.
#pragma once

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/schema_cache.h"

namespace joey {

// `type` is that of T, or a time over it.
template <typename T>
std::shared_ptr<arrow::Array> NumberColumn(std::shared_ptr<arrow::DataType> type,
                                           std::vector<T> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      std::move(type), count, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

// Texts one behind the other.
class TextColumn {
 public:
  void Reserve(std::size_t texts, std::size_t characters);
  void Add(std::string_view text);
  std::int32_t size() const { return static_cast<std::int32_t>(ends_.size()) - 1; }
  std::shared_ptr<arrow::Array> Finish();

 private:
  std::string characters_;
  std::vector<std::int32_t> ends_{0};
};

// The same text in each row.
std::shared_ptr<arrow::Array> RepeatedText(std::string_view text, std::int64_t rows);

// Row i has the values from ends[i] to ends[i + 1]; ends[0] is 0.
std::shared_ptr<arrow::Array> ListColumn(std::vector<std::int32_t> ends,
                                         std::shared_ptr<arrow::Array> values,
                                         ListFlavor flavor = ListFlavor::kItem);

// A list of no texts in each row.
std::shared_ptr<arrow::Array> EmptyTextLists(std::int64_t rows);

}  // namespace joey
