#include "logs/table.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/limits.h"

namespace joey::logs {
namespace {

// Bytes of the values [begin, begin + count) of an array, with the offsets of lists and texts.
std::int64_t ValueBytes(const arrow::Array& array, std::int64_t begin, std::int64_t count) {
  const auto lists = [&](const auto& list) {
    const std::int64_t from = list.value_offset(begin);
    const std::int64_t values = list.value_offset(begin + count) - from;
    return count * 4 + ValueBytes(*list.values(), from, values);
  };
  const auto texts = [&](const auto& text) -> std::int64_t {
    return count * 4 + text.value_offset(begin + count) - text.value_offset(begin);
  };
  switch (array.type_id()) {
    case arrow::Type::LIST:
      return lists(static_cast<const arrow::ListArray&>(array));
    case arrow::Type::LARGE_LIST:
      return lists(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
      return ValueBytes(*list.values(), list.value_offset(begin),
                        count * list.list_type()->list_size());
    }
    case arrow::Type::STRING:
      return texts(static_cast<const arrow::StringArray&>(array));
    case arrow::Type::LARGE_STRING:
      return texts(static_cast<const arrow::LargeStringArray&>(array));
    case arrow::Type::BOOL:
      return count;
    default:
      return count * arrow::bit_width(array.type_id()) / 8;
  }
}

// "time", "in" …: how the columns of an answer are ordered.
int Order(std::string_view name) {
  const std::string_view group = name.substr(0, name.find('.'));
  if (name == "time") return 0;
  if (group == "in") return 1;
  if (group.starts_with("out")) return 2;
  if (group == "metadata") return 4;
  return 3;
}

// Whether both were made by the same version of the pipeline; a block comes from one engine, which
// runs one version.
bool SameVersion(const arrow::RecordBatch& a, const arrow::RecordBatch& b) {
  const auto first = a.GetColumnByName("metadata.pipeline_version");
  const auto second = b.GetColumnByName("metadata.pipeline_version");
  return first != nullptr && second != nullptr && first->length() > 0 && second->length() > 0 &&
         static_cast<const arrow::StringArray&>(*first).GetView(0) ==
             static_cast<const arrow::StringArray&>(*second).GetView(0);
}

Status Failed(const arrow::Status& status) {
  return Internal("cannot build the answer: " + status.message());
}

}  // namespace

// The selected columns of `batch`; false when they are others than those of the page.
bool PageTable::Select(const std::shared_ptr<arrow::RecordBatch>& batch) {
  if (batch == source_) return true;
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (int order = 0; order <= 4; ++order) {
    for (int i = 0; i < batch->num_columns(); ++i) {
      const std::string& name = batch->column_name(i);
      if (Order(name) != order || !dataset_.Selects(name)) continue;
      auto array = batch->column(i);
      auto field = batch->schema()->field(i);
      if (name == "time") {
        field = arrow::field("time", arrow::int64(), false);
        auto data = array->data()->Copy();
        data->type = arrow::int64();
        array = arrow::MakeArray(data);
      }
      fields.push_back(std::move(field));
      arrays.push_back(std::move(array));
    }
  }
  auto schema = arrow::schema(fields);
  if (schema_ == nullptr) {
    schema_ = schema;
  } else if (!schema_->Equals(*schema) && !Join(*schema, SameVersion(*source_, *batch))) {
    return false;
  }
  source_ = batch;
  selected_ = arrow::RecordBatch::Make(std::move(schema), batch->num_rows(), std::move(arrays));
  return true;
}

// Takes `other` into the schema of the page. The order of columns does not matter, and a challenger
// that was late has no columns in some rows of its pipeline version: those become nulls.
bool PageTable::Join(const arrow::Schema& other, bool same_version) {
  const auto may_lack = [&](const std::string& name) {
    return same_version && name.starts_with("out_");
  };
  arrow::FieldVector joined;
  for (const auto& field : schema_->fields()) {
    const auto found = other.GetFieldByName(field->name());
    if (found == nullptr) {
      if (!may_lack(field->name())) return false;
      joined.push_back(field->WithNullable(true));
    } else if (found->type()->Equals(field->type()) &&
               (found->nullable() == field->nullable() || may_lack(field->name()))) {
      joined.push_back(field);
    } else {
      return false;
    }
  }
  for (const auto& field : other.fields()) {
    if (schema_->GetFieldIndex(field->name()) >= 0) continue;
    if (!may_lack(field->name())) return false;
    joined.push_back(field->WithNullable(true));
  }
  std::stable_sort(joined.begin(), joined.end(), [](const auto& a, const auto& b) {
    return Order(a->name()) < Order(b->name());
  });
  schema_ = arrow::schema(std::move(joined));
  return true;
}

PageTable::Added PageTable::Add(const std::shared_ptr<arrow::RecordBatch>& batch,
                                std::int64_t row) {
  if (!Select(batch)) return Added::kOtherSchema;
  std::int64_t bytes = 0;
  for (const auto& column : selected_->columns()) bytes += ValueBytes(*column, row, 1);
  if (rows_ > 0 && bytes_ + bytes > limits::kLogAnswerBytesMax) return Added::kNoRoom;
  bytes_ += bytes;
  ++rows_;
  if (!runs_.empty() && runs_.back().columns == selected_) {
    Run& run = runs_.back();
    if (!reversed_ && run.first + run.count == row) {
      ++run.count;
      return Added::kYes;
    }
    if (reversed_ && run.first - 1 == row) {
      --run.first;
      ++run.count;
      return Added::kYes;
    }
  }
  runs_.push_back({selected_, row, 1});
  return Added::kYes;
}

Result<std::shared_ptr<arrow::Array>> PageTable::Column(int index) const {
  const arrow::Field& field = *schema_->field(index);
  arrow::ArrayVector pieces;
  for (const Run& run : runs_) {
    const auto column = run.columns->GetColumnByName(field.name());
    if (column == nullptr) {
      auto nulls = arrow::MakeArrayOfNull(field.type(), run.count);
      if (!nulls.ok()) return Failed(nulls.status());
      pieces.push_back(std::move(*nulls));
      continue;
    }
    if (!reversed_) {
      pieces.push_back(column->Slice(run.first, run.count));
      continue;
    }
    for (std::int64_t row = run.first + run.count - 1; row >= run.first; --row) {
      pieces.push_back(column->Slice(row, 1));
    }
  }
  auto joined = arrow::Concatenate(pieces);
  if (!joined.ok()) return Failed(joined.status());
  return std::move(*joined);
}

Result<std::shared_ptr<arrow::Array>> PageTable::Nested(const std::string& group) const {
  arrow::FieldVector members;
  arrow::ArrayVector values;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const std::string& name = schema_->field(i)->name();
    if (!name.starts_with(group + ".")) continue;
    JOEY_ASSIGN_OR_RETURN(auto array, Column(i));
    members.push_back(schema_->field(i)->WithName(name.substr(group.size() + 1)));
    values.push_back(std::move(array));
  }
  auto nested = arrow::StructArray::Make(values, members);
  if (!nested.ok()) return Failed(nested.status());
  return std::shared_ptr<arrow::Array>(std::move(*nested));
}

Result<std::shared_ptr<arrow::RecordBatch>> PageTable::Finish(std::string_view separator) const {
  if (rows_ == 0) {
    auto none = arrow::MakeEmptyArray(arrow::int64());
    if (!none.ok()) return Failed(none.status());
    return arrow::RecordBatch::Make(arrow::schema({arrow::field("time", arrow::int64(), false)}), 0,
                                    arrow::ArrayVector{std::move(*none)});
  }
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  std::set<std::string> done;  // groups that are nested already
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const auto& field = schema_->field(i);
    const std::size_t dot = field->name().find('.');
    const std::string group = field->name().substr(0, dot);
    if (dot != std::string::npos && separator.empty()) {
      if (!done.insert(group).second) continue;
      JOEY_ASSIGN_OR_RETURN(auto nested, Nested(group));
      fields.push_back(arrow::field(group, nested->type(), false));
      arrays.push_back(std::move(nested));
      continue;
    }
    JOEY_ASSIGN_OR_RETURN(auto array, Column(i));
    fields.push_back(dot == std::string::npos ? field
                                              : field->WithName(group + std::string(separator) +
                                                                field->name().substr(dot + 1)));
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows_, std::move(arrays));
}

}  // namespace joey::logs
