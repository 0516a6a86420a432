// Columns inside an evaluation, and the memory they live in.
#pragma once

#include <arrow/array.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "expression/type.h"

namespace joey::expression {

// Memory that is given back all at once. The first few kilobytes are inside the arena, so that an
// evaluation of one row takes nothing from the heap.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised room for `count` trivial values.
  template <typename T>
  T* Make(std::int64_t count) {
    return static_cast<T*>(Take(static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  void* Take(std::size_t bytes);

  alignas(16) char inside_[4096];
  char* next_ = inside_;
  std::size_t left_ = sizeof(inside_);
  std::vector<std::unique_ptr<char[]>> blocks_;
};

// The elements of one row in the `elements` of a list column.
struct Span {
  std::int64_t start;
  std::int64_t length;
};

// A view of values; whose memory belongs to an arena or to the Arrow array that it was made of.
struct Column {
  // A bare number of the expression has no type of its own: it takes that of what it meets.
  enum class Bare : std::uint8_t { kNo, kInteger, kFloat };

  Type type = Type::kNull;
  Bare bare = Bare::kNo;  // kInteger: the values are int64 or uint64, kFloat: float64
  // float32 that polars plans as float64, the mean of a list before 1.3x: it meets others as such.
  bool planned_wide = false;
  // What polars plans for a computed number when that is another type than it has: kUnknown when
  // that depends on the release, kNull when there is nothing to know (plan.cc).
  Type planned = Type::kNull;
  bool scalar = false;      // one value that stands for all rows
  std::int64_t length = 0;  // of `data`: 1 for a scalar
  // T[] of number types, uint8_t[] of bool, std::string_view[] of strings, Span[] of lists.
  const void* data = nullptr;
  const std::uint8_t* valid = nullptr;  // 0 for null; no pointer when nothing is null
  const Column* elements = nullptr;     // of a list

  template <typename T>
  const T* values() const {
    return static_cast<const T*>(data);
  }
  // Values are at row * step().
  std::int64_t step() const { return scalar ? 0 : 1; }
  bool IsValid(std::int64_t row) const { return valid == nullptr || valid[row * step()] != 0; }
};

// The rows [begin, begin + rows) of an array as a column that borrows from it. Error
// (kInvalidArgument): a type that expressions do not have.
Result<Column> FromArrow(const arrow::Array& array, std::int64_t begin, std::int64_t rows,
                         Arena& arena);

// The column's values as an array of `rows`; scalars are repeated.
Result<std::shared_ptr<arrow::Array>> ToArrow(const Column& column, std::int64_t rows);

}  // namespace joey::expression
