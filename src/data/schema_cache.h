// Requests of one shape share one schema object and one type object per column, so that logs and
// answers can tell "same as before" by comparing pointers, and nothing is built anew.
#pragma once

#include <arrow/array.h>
#include <arrow/type.h>

#include <memory>
#include <string>

namespace joey {

enum class ListFlavor {
  kItem,
  kInner
};  // list<item: T> of inputs, list<inner: T not null> of outputs

// The list type over `element`, the same object each time for the types that Joey makes itself.
// Thread-safe.
const std::shared_ptr<arrow::DataType>& ListOf(const std::shared_ptr<arrow::DataType>& element,
                                               ListFlavor flavor);

// The last schema, for as long as names and types stay the same. Not thread-safe: one per thread.
class SchemaCache {
 public:
  // `name(i)` is the name of column i. Fields are not nullable.
  template <typename Name>
  std::shared_ptr<arrow::Schema> Get(const arrow::ArrayVector& columns, Name&& name) {
    if (last_ == nullptr || !Fits(columns, name)) {
      arrow::FieldVector fields;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        fields.push_back(arrow::field(name(i), columns[i]->type(), false));
      }
      last_ = arrow::schema(std::move(fields));
    }
    return last_;
  }

 private:
  template <typename Name>
  bool Fits(const arrow::ArrayVector& columns, Name&& name) const {
    if (static_cast<std::size_t>(last_->num_fields()) != columns.size()) return false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const arrow::Field& field = *last_->field(static_cast<int>(i));
      if (field.name() != name(i)) return false;
      if (field.type() != columns[i]->type() && !field.type()->Equals(*columns[i]->type())) {
        return false;
      }
    }
    return true;
  }

  std::shared_ptr<arrow::Schema> last_;
};

}  // namespace joey
