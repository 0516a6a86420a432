// Requests of one shape share one schema object and one type object per column, so that logs and
// answers can tell "same as before" by comparing pointers, and nothing is built anew.
#pragma once

#include <arrow/array.h>
#include <arrow/type.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace joey {

enum class ListFlavor {
  kItem,
  kInner
};  // list<item: T> of inputs, list<inner: T not null> of outputs

// The list type over `element`, the same object each time for the types that Joey makes itself.
// Thread-safe.
const std::shared_ptr<arrow::DataType>& ListOf(const std::shared_ptr<arrow::DataType>& element,
                                               ListFlavor flavor);

// The last few schemas, since the steps of a pipeline take turns on a thread. Not thread-safe: one
// per thread.
class SchemaCache {
 public:
  // `name(i)` is the name of column i. Fields are not nullable.
  template <typename Name>
  std::shared_ptr<arrow::Schema> Get(const arrow::ArrayVector& columns, Name&& name) {
    for (const auto& schema : kept_) {
      if (Fits(*schema, columns, name)) return schema;
    }
    arrow::FieldVector fields;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      fields.push_back(arrow::field(name(i), columns[i]->type(), false));
    }
    auto schema = arrow::schema(std::move(fields));
    if (kept_.size() < kKeptMax) {
      kept_.push_back(schema);
    } else {
      kept_[oldest_] = schema;
      oldest_ = (oldest_ + 1) % kKeptMax;
    }
    return schema;
  }

 private:
  static constexpr std::size_t kKeptMax = 8;

  template <typename Name>
  static bool Fits(const arrow::Schema& schema, const arrow::ArrayVector& columns, Name&& name) {
    if (static_cast<std::size_t>(schema.num_fields()) != columns.size()) return false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const arrow::Field& field = *schema.field(static_cast<int>(i));
      if (field.name() != name(i)) return false;
      if (field.type() != columns[i]->type() && !field.type()->Equals(*columns[i]->type())) {
        return false;
      }
    }
    return true;
  }

  std::vector<std::shared_ptr<arrow::Schema>> kept_;
  std::size_t oldest_ = 0;
};

}  // namespace joey
