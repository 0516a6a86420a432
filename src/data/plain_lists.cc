#include "data/plain_lists.h"

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "data/schema_cache.h"

namespace joey {

namespace {

using DataPtr = std::shared_ptr<arrow::ArrayData>;

bool HasFixed(const arrow::DataType& type) {
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) return true;
  return type.num_fields() > 0 && HasFixed(*type.field(0)->type());
}

// Null where the offsets do not reach.
DataPtr Convert(const DataPtr& data) {
  if (!HasFixed(*data->type)) return data;
  DataPtr child = Convert(data->child_data[0]);
  if (child == nullptr) return nullptr;
  if (data->type->id() != arrow::Type::FIXED_SIZE_LIST) {
    DataPtr out = data->Copy();
    out->type = data->type->id() == arrow::Type::LARGE_LIST
                    ? arrow::large_list(data->type->field(0)->WithType(child->type))
                    : arrow::list(data->type->field(0)->WithType(child->type));
    out->child_data[0] = std::move(child);
    return out;
  }
  const std::int64_t width = static_cast<const arrow::FixedSizeListType&>(*data->type).list_size();
  if ((data->offset + data->length) * width > std::numeric_limits<std::int32_t>::max()) {
    return nullptr;
  }
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(data->length) + 1);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = static_cast<std::int32_t>((data->offset + static_cast<std::int64_t>(i)) * width);
  }
  const auto& type = ListOf(child->type, ListFlavor::kItem);
  return arrow::ArrayData::Make(type, data->length,
                                {nullptr, arrow::Buffer::FromVector(std::move(offsets))},
                                {std::move(child)}, 0);
}

}  // namespace

std::shared_ptr<arrow::RecordBatch> WithPlainLists(std::shared_ptr<arrow::RecordBatch> batch) {
  for (int i = 0; i < batch->num_columns(); ++i) {
    if (!HasFixed(*batch->schema()->field(i)->type())) continue;
    DataPtr column = Convert(batch->column_data(i));
    if (column == nullptr) continue;
    auto changed = batch->SetColumn(i, batch->schema()->field(i)->WithType(column->type),
                                    arrow::MakeArray(column));
    if (changed.ok()) batch = std::move(*changed);
  }
  return batch;
}

}  // namespace joey
