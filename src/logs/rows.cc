#include "logs/rows.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <limits>

#include "base/limits.h"

namespace joey::logs {
namespace {

// What compressed columns of all appends and queries together may unpack to. Never destroyed,
// since buffers may outlive everything.
arrow::MemoryPool* LogPool() {
  static auto* pool =
      new arrow::CappedMemoryPool(arrow::default_memory_pool(), limits::kLogUnpackedBytesMax);
  return pool;
}

arrow::ipc::IpcReadOptions ReadOptions() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = LogPool();
  options.use_threads = false;
  options.max_recursion_depth = limits::kJsonDepthMax + 2;
  return options;
}

Status Busy() {
  return Unavailable("there is no memory left for log rows",
                     "try again, or read and send fewer rows at a time");
}

Status Refused(const std::string& what) {
  return InvalidArgument("the log rows are refused: " + what,
                         "send an Arrow IPC stream of log rows as engines of this version do");
}

Status Lost(const std::string& what) {
  return {Code::kDataLoss, "a log block is damaged: " + what};
}

// Whether others took the memory that was missing. If not, the data itself claims too much.
bool IsBusy(const arrow::Status& status) {
  return status.IsOutOfMemory() && LogPool()->bytes_allocated() > limits::kLogUnpackedBytesMax / 4;
}

Status Refused(const arrow::Status& status) {
  return IsBusy(status) ? Busy() : Refused(status.message());
}

Status Lost(const arrow::Status& status) {
  return IsBusy(status) ? Busy() : Lost(status.message());
}

bool IsAccepted(const arrow::DataType& type, int depth) {
  if (depth > limits::kJsonDepthMax) return false;
  switch (type.id()) {
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::BOOL:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return true;
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
      return IsAccepted(*type.field(0)->type(), depth + 1);
    default:
      return false;
  }
}

// The type of a column that every client reads in one way; nullptr for the others.
std::shared_ptr<arrow::DataType> FixedType(std::string_view name) {
  if (name == "time") return arrow::timestamp(arrow::TimeUnit::MILLI);
  if (name == "anomaly.count") return arrow::uint32();
  if (name.starts_with("anomaly.") && name.size() > 8) return arrow::boolean();
  if (name == "check_failures" || name == "metadata.dropped") return arrow::list(arrow::utf8());
  if (name == "metadata.elapsed") return arrow::list(arrow::uint64());
  if (name == "metadata.last_model" || name == "metadata.pipeline_version" ||
      name == "metadata.partition") {
    return arrow::utf8();
  }
  return nullptr;
}

bool SameType(const arrow::DataType& type, const arrow::DataType& expected) {
  if (expected.id() != arrow::Type::LIST) return type.Equals(expected);
  return type.id() == arrow::Type::LIST && type.field(0)->type()->Equals(expected.field(0)->type());
}

bool IsGroup(std::string_view group) {
  return group == "in" || group == "out" || group.starts_with("out_") || group == "anomaly" ||
         group == "metadata";
}

Status CheckSchema(const arrow::Schema& schema) {
  if (schema.num_fields() > static_cast<int>(limits::kLogColumnsMax)) {
    return Refused("more than " + std::to_string(limits::kLogColumnsMax) + " columns");
  }
  if (schema.GetFieldIndex("time") < 0) return Refused("no column 'time'");
  for (const auto& field : schema.fields()) {
    const std::string& name = field->name();
    if (schema.GetFieldIndex(name) < 0) return Refused("the column '" + name + "' twice");
    if (const auto expected = FixedType(name); expected != nullptr) {
      if (!SameType(*field->type(), *expected)) {
        return Refused("the column '" + name + "' of type " + field->type()->ToString());
      }
      continue;
    }
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos || dot + 1 == name.size() || !IsGroup(name.substr(0, dot))) {
      return Refused("an unknown column '" + name + "'");
    }
    if (!IsAccepted(*field->type(), 0)) {
      return Refused("the column '" + name + "' of type " + field->type()->ToString());
    }
  }
  return {};
}

// Nulls are values that were not kept; only what clients index without looking must be there.
Status CheckValues(const arrow::RecordBatch& batch) {
  if (const auto valid = batch.ValidateFull(); !valid.ok()) return Refused(valid);
  for (int i = 0; i < batch.num_columns(); ++i) {
    const bool required = batch.column_name(i) == "time" ||
                          batch.column_name(i).starts_with("metadata.") ||
                          !batch.schema()->field(i)->nullable();
    if (required && batch.column(i)->null_count() > 0) {
      return Refused("a null in the column '" + batch.column_name(i) + "'");
    }
  }
  return {};
}

class FilePayload final : public Payload {
 public:
  FilePayload(std::shared_ptr<arrow::io::RandomAccessFile> file,
              std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader)
      : file_(std::move(file)),
        reader_(std::move(reader)),
        schema_(reader_->schema()->RemoveMetadata()) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Status Select(const std::function<bool(std::string_view)>& wanted) override {
    auto options = ReadOptions();
    for (int i = 0; i < schema_->num_fields(); ++i) {
      if (wanted(schema_->field(i)->name())) options.included_fields.push_back(i);
    }
    auto reader = arrow::ipc::RecordBatchFileReader::Open(file_, options);
    if (!reader.ok()) return Lost(reader.status());
    reader_ = std::move(*reader);
    return {};
  }

  Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch(std::int64_t index) override {
    if (index < 0 || index >= reader_->num_record_batches()) return Lost("rows are missing");
    auto batch = reader_->ReadRecordBatch(static_cast<int>(index));
    if (!batch.ok()) return Lost(batch.status());
    if (const auto valid = (*batch)->ValidateFull(); !valid.ok()) return Lost(valid);
    return (*batch)->ReplaceSchemaMetadata(nullptr);
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

arrow::Status WritePayload(const arrow::RecordBatch& batch, arrow::io::OutputStream* stream) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(options.codec, arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME));
  ARROW_ASSIGN_OR_RAISE(
      auto writer, arrow::ipc::MakeFileWriter(stream, batch.schema()->RemoveMetadata(), options));
  for (std::int64_t row = 0; row < batch.num_rows(); row += kRowsPerBatch) {
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch.Slice(row, kRowsPerBatch)));
  }
  return writer->Close();
}

}  // namespace

Result<LogRows> DecodeRows(std::string_view bytes) {
  // A copy where a buffer would not be aligned is Arrow's business; the bytes stay borrowed.
  auto input = std::make_shared<arrow::io::BufferReader>(
      std::make_shared<arrow::Buffer>(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                      static_cast<std::int64_t>(bytes.size())));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(input, ReadOptions());
  if (!reader.ok()) return Refused(reader.status());
  const auto schema = (*reader)->schema()->RemoveMetadata();
  JOEY_RETURN_IF_ERROR(CheckSchema(*schema));
  arrow::RecordBatchVector batches;
  std::int64_t rows = 0;
  for (;;) {
    auto batch = (*reader)->Next();
    if (!batch.ok()) return Refused(batch.status());
    if (*batch == nullptr) break;
    JOEY_RETURN_IF_ERROR(CheckValues(**batch));
    rows += (*batch)->num_rows();
    if (rows > limits::kRowsMax) return Refused("too many rows");
    batches.push_back((*batch)->ReplaceSchemaMetadata(nullptr));
  }
  if (rows == 0) return Refused("no rows");

  LogRows out;
  if (batches.size() == 1) {
    out.batch = std::move(batches[0]);
  } else {
    auto table = arrow::Table::FromRecordBatches(schema, batches);
    if (!table.ok()) return Refused(table.status());
    auto joined = (*table)->CombineChunksToBatch(LogPool());
    if (!joined.ok()) return Refused(joined.status());
    out.batch = std::move(*joined);
  }
  const auto& times =
      static_cast<const arrow::TimestampArray&>(*out.batch->GetColumnByName("time"));
  const auto* values = times.raw_values();
  const auto [low, high] = std::minmax_element(values, values + times.length());
  out.time_min = *low;
  out.time_max = *high;
  return out;
}

Result<std::shared_ptr<arrow::Buffer>> EncodePayload(const arrow::RecordBatch& batch) {
  std::int64_t values = 4096;
  for (const auto& column : batch.columns()) values += arrow::util::TotalBufferSize(*column);
  auto stream = arrow::io::BufferOutputStream::Create(values, LogPool());
  if (!stream.ok()) return Refused(stream.status());
  if (const auto written = WritePayload(batch, stream->get()); !written.ok()) {
    return Internal("cannot encode log rows: " + written.message());
  }
  auto buffer = (*stream)->Finish();
  if (!buffer.ok()) return Internal("cannot encode log rows: " + buffer.status().message());
  if ((*buffer)->size() > std::numeric_limits<std::uint32_t>::max()) {
    return Refused("they are more than one block can hold");
  }
  return std::move(*buffer);
}

Result<std::unique_ptr<Payload>> Payload::Open(std::string bytes) {
  auto input =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)));
  auto reader = arrow::ipc::RecordBatchFileReader::Open(input, ReadOptions());
  if (!reader.ok()) return Lost(reader.status());
  if (const Status known = CheckSchema(*(*reader)->schema()); !known.ok()) {
    return Lost(known.message());
  }
  return std::unique_ptr<Payload>(
      std::make_unique<FilePayload>(std::move(input), std::move(*reader)));
}

}  // namespace joey::logs
