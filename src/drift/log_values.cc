#include "drift/log_values.h"

#include <arrow/array.h>
#include <arrow/type_traits.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "drift/limits.h"

namespace joey::drift {
namespace {

constexpr std::int64_t kMilli = 1000;

std::int64_t FloorMillis(std::int64_t micros) {
  return micros / kMilli - (micros % kMilli < 0 ? 1 : 0);
}
std::int64_t CeilMillis(std::int64_t micros) {
  return micros / kMilli + (micros % kMilli > 0 ? 1 : 0);
}

// What was read and what was met on the way.
struct Reading {
  std::vector<double> values;
  std::set<std::string> fields;  // of the wanted side, without its prefix
  std::set<std::string> models;  // that answered rows of this time
  bool found_field = false;
};

// One number of each row of a column.
class Cells {
 public:
  // InvalidArgument when the column holds no numbers, or not at that index.
  static Result<Cells> Of(const std::shared_ptr<arrow::Array>& column, const Source& source) {
    Cells out;
    out.index_ = source.io_path.index;
    out.column_ = column;
    out.values_ = column;
    if (column->type_id() == arrow::Type::LIST) {
      out.values_ = static_cast<const arrow::ListArray&>(*column).values();
    } else if (column->type_id() == arrow::Type::LARGE_LIST) {
      out.values_ = static_cast<const arrow::LargeListArray&>(*column).values();
    } else if (column->type_id() == arrow::Type::FIXED_SIZE_LIST) {
      out.values_ = static_cast<const arrow::FixedSizeListArray&>(*column).values();
    }
    const auto type = out.values_->type_id();
    if (arrow::is_integer(type) || arrow::is_floating(type) || type == arrow::Type::BOOL) {
      return out;
    }
    return InvalidArgument(
        fmt::format("'{}' is of type {}", source.path, column->type()->ToString()),
        "an assay watches one number of a row: a number, or one of a list of numbers");
  }

  // Where the row's number lies in values(), -1 where it has none at that index.
  std::int64_t Place(std::int64_t row) const {
    if (column_->IsNull(row)) return -1;
    if (column_ == values_) return index_ == 0 ? row : -1;
    const auto within = [&](std::int64_t begin, std::int64_t length) {
      return index_ < length ? begin + index_ : -1;
    };
    if (column_->type_id() == arrow::Type::LIST) {
      const auto& list = static_cast<const arrow::ListArray&>(*column_);
      return within(list.value_offset(row), list.value_length(row));
    }
    if (column_->type_id() == arrow::Type::LARGE_LIST) {
      const auto& list = static_cast<const arrow::LargeListArray&>(*column_);
      return within(list.value_offset(row), list.value_length(row));
    }
    const auto& list = static_cast<const arrow::FixedSizeListArray&>(*column_);
    return within(list.value_offset(row), list.value_length(row));
  }

  const arrow::Array& values() const { return *values_; }

 private:
  std::int64_t index_ = 0;
  std::shared_ptr<arrow::Array> column_;
  std::shared_ptr<arrow::Array> values_;
};

// Appends the finite ones of the values at these places.
void Append(const arrow::Array& values, const std::vector<std::int64_t>& places,
            std::vector<double>& out) {
  const auto each = [&](auto value_at) {
    for (const std::int64_t place : places) {
      if (values.IsNull(place)) continue;
      const double value = value_at(place);
      if (std::isfinite(value)) out.push_back(value);
    }
  };
  const auto of = [&]<typename Array>(const Array& array) {
    each([&](std::int64_t i) { return static_cast<double>(array.Value(i)); });
  };
  switch (values.type_id()) {
    case arrow::Type::FLOAT:
      return of(static_cast<const arrow::FloatArray&>(values));
    case arrow::Type::DOUBLE:
      return of(static_cast<const arrow::DoubleArray&>(values));
    case arrow::Type::HALF_FLOAT:
      return each([&](std::int64_t i) {
        const auto bits = static_cast<const arrow::HalfFloatArray&>(values).Value(i);
        return arrow::util::Float16::FromBits(bits).ToDouble();
      });
    case arrow::Type::INT8:
      return of(static_cast<const arrow::Int8Array&>(values));
    case arrow::Type::INT16:
      return of(static_cast<const arrow::Int16Array&>(values));
    case arrow::Type::INT32:
      return of(static_cast<const arrow::Int32Array&>(values));
    case arrow::Type::INT64:
      return of(static_cast<const arrow::Int64Array&>(values));
    case arrow::Type::UINT8:
      return of(static_cast<const arrow::UInt8Array&>(values));
    case arrow::Type::UINT16:
      return of(static_cast<const arrow::UInt16Array&>(values));
    case arrow::Type::UINT32:
      return of(static_cast<const arrow::UInt32Array&>(values));
    case arrow::Type::UINT64:
      return of(static_cast<const arrow::UInt64Array&>(values));
    default:
      return of(static_cast<const arrow::BooleanArray&>(values));
  }
}

// Takes rows of some time out of batches of one source.
class RowFilter {
 public:
  RowFilter(const Source& source, std::int64_t start_ms, std::int64_t end_ms)
      : source_(source), start_ms_(start_ms), end_ms_(end_ms) {
    const std::string& field = source.io_path.field;
    plain_ = (source.io_path.input ? "in." : "out.") + field;
    if (!source.io_path.input) challenger_ = "out_" + source.model_name + "." + field;
  }

  bool Needs(std::string_view column) const {
    return column == "time" || column == "metadata.last_model" || column == "metadata.partition" ||
           column == plain_ || column == challenger_;
  }

  Status Add(const arrow::RecordBatch& batch, Reading& out) {
    // A challenger of a shadow deployment answers beside the row's last model.
    auto column = challenger_.empty() ? nullptr : batch.GetColumnByName(challenger_);
    const bool any_model = column != nullptr;
    if (!any_model) column = batch.GetColumnByName(plain_);
    const auto models = batch.GetColumnByName("metadata.last_model");
    const auto partitions = batch.GetColumnByName("metadata.partition");
    const auto& times = static_cast<const arrow::TimestampArray&>(*batch.GetColumnByName("time"));
    places_.clear();
    std::optional<Cells> cells;
    if (column != nullptr) {
      JOEY_ASSIGN_OR_RETURN(cells, Cells::Of(column, source_));
    }
    for (std::int64_t row = 0; row < batch.num_rows(); ++row) {
      const std::int64_t time = times.Value(row);
      if (time < start_ms_ || time >= end_ms_ || !IsPlace(partitions.get(), row)) continue;
      if (!any_model && !IsModel(models.get(), row, out)) continue;
      if (!cells) continue;
      if (const std::int64_t place = cells->Place(row); place >= 0) {
        out.found_field = true;
        places_.push_back(place);
      }
    }
    if (cells) Append(cells->values(), places_, out.values);
    if (out.values.size() <= kValuesMax) return {};
    return InvalidArgument(fmt::format("more than {} values in one baseline or window", kValuesMax),
                           "choose a shorter time");
  }

 private:
  bool IsPlace(const arrow::Array* partitions, std::int64_t row) const {
    if (source_.locations.empty()) return true;
    if (partitions == nullptr || partitions->IsNull(row)) return false;
    const auto view = static_cast<const arrow::StringArray&>(*partitions).GetView(row);
    return std::any_of(source_.locations.begin(), source_.locations.end(),
                       [&](const std::string& location) { return location == view; });
  }

  bool IsModel(const arrow::Array* models, std::int64_t row, Reading& out) {
    if (models == nullptr || models->IsNull(row)) return false;
    const auto view = static_cast<const arrow::StringArray&>(*models).GetView(row);
    if (view != last_model_) {
      last_model_ = view;
      const auto document = nlohmann::json::parse(view, nullptr, false);
      std::string name;
      if (document.is_object()) name = document.value("model_name", std::string());
      is_model_ = name == source_.model_name;
      if (!name.empty()) out.models.insert(std::move(name));
    }
    return is_model_;
  }

  const Source& source_;
  const std::int64_t start_ms_;
  const std::int64_t end_ms_;
  std::string plain_;
  std::string challenger_;
  std::string last_model_;  // the text of the last row's, and whether it names the wanted one
  bool is_model_ = false;
  std::vector<std::int64_t> places_;
};

Status NoField(const Source& source, const Reading& reading) {
  if (!reading.models.empty() && !reading.models.contains(source.model_name)) {
    std::string names;
    for (const auto& name : reading.models) names += (names.empty() ? "'" : ", '") + name + "'";
    return NotFound("no row of this time was answered by the model '" + source.model_name + "'",
                    "the rows are of " + names);
  }
  std::string names;
  for (const auto& name : reading.fields) names += (names.empty() ? "'" : ", '") + name + "'";
  return NotFound(
      fmt::format("no row of this time has '{}'", source.path),
      names.empty() ? "the log has no such fields" : "fields of that side in the log: " + names);
}

}  // namespace

LogValues::LogValues(const logs::Topic* topic, const Source& source)
    : topic_(topic), source_(source) {
  if (topic == nullptr) return;
  for (auto block = topic->BlockAt(0); block; block = topic->BlockAt(block->end_row())) {
    blocks_.push_back(*block);
  }
}

Result<std::vector<double>> LogValues::Read(std::int64_t start, std::int64_t end) const {
  const std::int64_t start_ms = FloorMillis(start);
  const std::int64_t end_ms = CeilMillis(end);
  RowFilter filter(source_, start_ms, end_ms);
  Reading reading;
  bool any = false;
  for (const logs::BlockRef& block : blocks_) {
    if (block.time_max < start_ms || block.time_min >= end_ms) continue;
    auto payload = topic_->Read(block);
    // Said in the log by the topic; the rest is served.
    if (payload.status().code() == Code::kDataLoss) continue;
    if (!payload.ok()) return payload.status();
    const std::string side = source_.io_path.input ? "in." : "out.";
    for (const auto& field : (*payload)->schema()->fields()) {
      if (field->name().starts_with(side)) reading.fields.insert(field->name().substr(side.size()));
    }
    const Status selected =
        (*payload)->Select([&](std::string_view column) { return filter.Needs(column); });
    if (selected.code() == Code::kDataLoss) continue;
    JOEY_RETURN_IF_ERROR(selected);
    for (std::int64_t row = 0; row < block.rows; row += logs::kRowsPerBatch) {
      const auto batch = (*payload)->ReadBatch(row / logs::kRowsPerBatch);
      if (batch.status().code() == Code::kDataLoss) break;
      if (!batch.ok()) return batch.status();
      JOEY_RETURN_IF_ERROR(filter.Add(**batch, reading));
      any = true;
    }
  }
  if (any && !reading.models.empty() && !reading.found_field) return NoField(source_, reading);
  return std::move(reading.values);
}

std::optional<std::int64_t> LogValues::NextTime(std::int64_t from) const {
  const std::int64_t from_ms = FloorMillis(from);
  std::optional<std::int64_t> next;
  for (const logs::BlockRef& block : blocks_) {
    if (block.time_max < from_ms) continue;
    const std::int64_t time = std::max(block.time_min * kMilli, from);
    if (!next || time < *next) next = time;
  }
  return next;
}

}  // namespace joey::drift
