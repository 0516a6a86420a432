#include "engine/log_assembler.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/type.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "data/made_columns.h"
#include "engine/log_frame.h"

namespace joey::engine {

namespace {

Status Damaged() { return {Code::kDataLoss, "a log record in the spool is damaged"}; }

Result<std::shared_ptr<arrow::Schema>> ReadSchema(std::string_view bytes) {
  arrow::io::BufferReader reader(arrow::Buffer::FromString(std::string(bytes)));
  arrow::ipc::DictionaryMemo memo;
  auto schema = arrow::ipc::ReadSchema(&reader, &memo);
  if (!schema.ok()) return Damaged();
  return std::move(*schema);
}

// The values of one column, or of one level of it, gathered from frames.
class Gatherer {
 public:
  explicit Gatherer(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {
    switch (type_->id()) {
      case arrow::Type::LIST:
      case arrow::Type::LARGE_LIST:
      case arrow::Type::FIXED_SIZE_LIST:
        child_ = std::make_unique<Gatherer>(type_->field(0)->type());
        break;
      default:
        break;
    }
  }

  // Where a frame that turns out to be damaged began.
  void Mark() {
    mark_ = {length_, data_.size(), offsets_.size()};
    if (child_) child_->Mark();
  }
  void Rewind() {
    length_ = mark_.length;
    data_.resize(mark_.data);
    offsets_.resize(mark_.offsets);
    if (child_) child_->Rewind();
  }

  bool Add(PayloadReader& reader, std::int64_t count) {
    length_ += count;
    switch (type_->id()) {
      case arrow::Type::STRING:
        return AddText<std::int32_t>(reader, count);
      case arrow::Type::LARGE_STRING:
        return AddText<std::int64_t>(reader, count);
      case arrow::Type::LIST:
        return AddList<std::int32_t>(reader, count);
      case arrow::Type::LARGE_LIST:
        return AddList<std::int64_t>(reader, count);
      case arrow::Type::FIXED_SIZE_LIST: {
        std::int64_t width = static_cast<const arrow::FixedSizeListType&>(*type_).list_size();
        std::int64_t values = 0;
        return !__builtin_mul_overflow(count, width, &values) && child_->Add(reader, values);
      }
      case arrow::Type::BOOL:
        return AddBytes(reader, count);
      default: {
        std::int64_t size = 0;
        int width = type_->byte_width();
        return width > 0 && !__builtin_mul_overflow(count, std::int64_t{width}, &size) &&
               AddBytes(reader, size);
      }
    }
  }

  std::size_t bytes() const {
    return data_.size() + offsets_.size() * 8 + (child_ ? child_->bytes() : 0);
  }

  std::shared_ptr<arrow::Array> Finish() {
    switch (type_->id()) {
      case arrow::Type::STRING:
        return Make({nullptr, Offsets32(), arrow::Buffer::FromString(std::move(data_))});
      case arrow::Type::LARGE_STRING:
        return Make({nullptr, arrow::Buffer::FromVector(std::move(offsets_)),
                     arrow::Buffer::FromString(std::move(data_))});
      case arrow::Type::LIST:
        return MakeList(Offsets32());
      case arrow::Type::LARGE_LIST:
        return MakeList(arrow::Buffer::FromVector(std::move(offsets_)));
      case arrow::Type::FIXED_SIZE_LIST: {
        auto data = arrow::ArrayData::Make(type_, length_, {nullptr}, 0);
        data->child_data.push_back(child_->Finish()->data());
        return arrow::MakeArray(data);
      }
      case arrow::Type::BOOL: {
        std::string bits(data_.size() / 8 + 1, '\0');
        for (std::size_t i = 0; i < data_.size(); ++i) {
          if (data_[i] != 0) bits[i / 8] = static_cast<char>(bits[i / 8] | (1 << (i % 8)));
        }
        return Make({nullptr, arrow::Buffer::FromString(std::move(bits))});
      }
      default:
        return Make({nullptr, arrow::Buffer::FromString(std::move(data_))});
    }
  }

 private:
  struct MarkPoint {
    std::int64_t length = 0;
    std::size_t data = 0;
    std::size_t offsets = 1;
  };

  bool AddBytes(PayloadReader& reader, std::int64_t size) {
    std::string_view bytes;
    if (size < 0 || !reader.Take(static_cast<std::size_t>(size), bytes)) return false;
    data_.append(bytes);
    return true;
  }

  // Appends `count` + 1 offsets, shifted to where this column's values end; sets how many values
  // they span.
  template <typename Offset>
  bool AddOffsets(PayloadReader& reader, std::int64_t count, std::int64_t& span) {
    std::string_view bytes;
    if (count < 0 || count >= std::numeric_limits<std::int64_t>::max() / 16 ||
        !reader.Take(static_cast<std::size_t>(count + 1) * sizeof(Offset), bytes)) {
      return false;
    }
    const char* from = bytes.data();
    const std::int64_t base = offsets_.back();
    Offset before = 0;
    for (std::int64_t i = 0; i <= count; ++i) {
      Offset value;
      std::memcpy(&value, from + static_cast<std::size_t>(i) * sizeof(Offset), sizeof value);
      if (value < before || (i == 0 && value != 0)) return false;
      if (i > 0) offsets_.push_back(base + value);
      before = value;
    }
    span = before;
    return true;
  }

  template <typename Offset>
  bool AddText(PayloadReader& reader, std::int64_t count) {
    std::int64_t span = 0;
    return AddOffsets<Offset>(reader, count, span) && AddBytes(reader, span);
  }

  template <typename Offset>
  bool AddList(PayloadReader& reader, std::int64_t count) {
    std::int64_t span = 0;
    return AddOffsets<Offset>(reader, count, span) && child_->Add(reader, span);
  }

  std::shared_ptr<arrow::Buffer> Offsets32() const {
    std::vector<std::int32_t> narrow(offsets_.begin(), offsets_.end());
    return arrow::Buffer::FromVector(std::move(narrow));
  }
  std::shared_ptr<arrow::Array> Make(std::vector<std::shared_ptr<arrow::Buffer>> buffers) const {
    return arrow::MakeArray(arrow::ArrayData::Make(type_, length_, std::move(buffers), 0));
  }
  std::shared_ptr<arrow::Array> MakeList(std::shared_ptr<arrow::Buffer> offsets) {
    auto data = arrow::ArrayData::Make(type_, length_, {nullptr, std::move(offsets)}, 0);
    data->child_data.push_back(child_->Finish()->data());
    return arrow::MakeArray(data);
  }

  std::shared_ptr<arrow::DataType> type_;
  std::int64_t length_ = 0;
  std::string data_;
  std::vector<std::int64_t> offsets_{0};
  std::unique_ptr<Gatherer> child_;
  MarkPoint mark_;
};

}  // namespace

Result<LogSchema> ReadSchemaPayload(std::string_view payload) {
  PayloadReader reader(payload);
  std::string_view context;
  std::string_view in;
  std::string_view out;
  std::string_view extra;
  if (!reader.TakeText(context) || !reader.TakeText(in) || !reader.TakeText(out) ||
      !reader.TakeText(extra)) {
    return Damaged();
  }
  nlohmann::json document = nlohmann::json::parse(context, nullptr, false);
  if (!document.is_object()) return Damaged();
  LogSchema schema;
  for (const auto& [name, to] : {std::pair("topic", &schema.context.topic),
                                 std::pair("pipeline_name", &schema.context.pipeline_name),
                                 std::pair("pipeline_version", &schema.context.pipeline_version),
                                 std::pair("partition", &schema.context.partition),
                                 std::pair("last_model", &schema.context.last_model)}) {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_string()) return Damaged();
    *to = found->get<std::string>();
  }
  const auto failures = document.find("check_failures");
  if (failures != document.end() && *failures == true) {
    schema.context.check_column = CheckColumn::kCheckFailures;
  }
  JOEY_ASSIGN_OR_RETURN(schema.in, ReadSchema(in));
  JOEY_ASSIGN_OR_RETURN(schema.out, ReadSchema(out));
  if (!extra.empty()) {
    JOEY_ASSIGN_OR_RETURN(schema.extra, ReadSchema(extra));
  }
  return schema;
}

struct LogAssembler::Impl {
  const LogSchema& schema;
  std::vector<Gatherer> columns;
  std::vector<std::int64_t> times;
  std::vector<std::uint64_t> elapsed;
  std::vector<std::int32_t> elapsed_ends{0};
};

LogAssembler::LogAssembler(const LogSchema& schema) : impl_(new Impl{schema, {}, {}, {}}) {
  for (const auto& side : {schema.in, schema.out, schema.extra}) {
    if (side == nullptr) continue;
    for (const auto& field : side->fields()) impl_->columns.emplace_back(field->type());
  }
}

LogAssembler::~LogAssembler() = default;

Status LogAssembler::Add(std::string_view payload) {
  PayloadReader reader(payload);
  std::int64_t time = 0;
  std::int64_t rows = 0;
  std::uint64_t count = 0;
  std::string_view elapsed;
  if (!reader.TakeValue(time) || !reader.TakeValue(rows) || !reader.TakeValue(count) || rows <= 0 ||
      rows > limits::kRowsMax || count > 1024 || !reader.Take(count * 8, elapsed)) {
    return Damaged();
  }
  for (Gatherer& column : impl_->columns) column.Mark();
  for (Gatherer& column : impl_->columns) {
    if (column.Add(reader, rows)) continue;
    for (Gatherer& other : impl_->columns) other.Rewind();
    return Damaged();
  }
  impl_->times.insert(impl_->times.end(), static_cast<std::size_t>(rows), time);
  std::size_t at = impl_->elapsed.size();
  impl_->elapsed.resize(at + count * static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    std::memcpy(&impl_->elapsed[at], elapsed.data(), elapsed.size());
    at += count;
    impl_->elapsed_ends.push_back(static_cast<std::int32_t>(at));
  }
  return {};
}

std::int64_t LogAssembler::rows() const { return static_cast<std::int64_t>(impl_->times.size()); }

std::size_t LogAssembler::bytes() const {
  const RecordContext& context = impl_->schema.context;
  const std::size_t each =
      40 + context.last_model.size() + context.pipeline_version.size() + context.partition.size();
  std::size_t sum = impl_->times.size() * each + impl_->elapsed.size() * 8;
  for (const Gatherer& column : impl_->columns) sum += column.bytes();
  return sum;
}

std::shared_ptr<arrow::RecordBatch> LogAssembler::Finish() {
  const RecordContext& context = impl_->schema.context;
  const std::int64_t row_count = rows();
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  const auto add = [&](std::string name, bool nullable, std::shared_ptr<arrow::Array> array) {
    fields.push_back(arrow::field(std::move(name), array->type(), nullable));
    arrays.push_back(std::move(array));
  };
  add("time", true,
      NumberColumn(arrow::timestamp(arrow::TimeUnit::MILLI), std::move(impl_->times)));
  std::size_t column = 0;
  for (const auto& [prefix, side] :
       {std::pair("in.", impl_->schema.in), std::pair("out.", impl_->schema.out)}) {
    for (const auto& field : side->fields()) {
      add(prefix + field->name(), false, impl_->columns[column++].Finish());
    }
  }
  // Extra columns take the place of those that are the same in all rows.
  std::shared_ptr<arrow::Array> last_models;
  bool checked = false;
  for (int i = 0; impl_->schema.extra != nullptr && i < impl_->schema.extra->num_fields(); ++i) {
    const std::string& name = impl_->schema.extra->field(i)->name();
    std::shared_ptr<arrow::Array> array = impl_->columns[column++].Finish();
    if (name == "metadata.last_model") {
      last_models = std::move(array);
      continue;
    }
    checked = checked || name == "anomaly.count" || name == "check_failures";
    add(name, name == "check_failures", std::move(array));
  }
  if (!checked && context.check_column == CheckColumn::kCheckFailures) {
    add("check_failures", true, EmptyTextLists(row_count));
  } else if (!checked) {
    add("anomaly.count", false,
        NumberColumn(arrow::uint32(),
                     std::vector<std::uint32_t>(static_cast<std::size_t>(row_count))));
  }
  add("metadata.last_model", true,
      last_models ? last_models : RepeatedText(context.last_model, row_count));
  add("metadata.pipeline_version", true, RepeatedText(context.pipeline_version, row_count));
  add("metadata.elapsed", true,
      ListColumn(std::move(impl_->elapsed_ends),
                 NumberColumn(arrow::uint64(), std::move(impl_->elapsed))));
  add("metadata.dropped", false, EmptyTextLists(row_count));
  add("metadata.partition", true, RepeatedText(context.partition, row_count));
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), row_count, std::move(arrays));
}

}  // namespace joey::engine
