#include "data/arrow_ipc.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <cstring>
#include <functional>

#include "base/limits.h"
#include "data/plain_lists.h"

namespace joey {

namespace {

constexpr std::string_view kFileMagic = "ARROW1";
constexpr std::string_view kHint =
    "send an Arrow IPC file (pyarrow.ipc.new_file) with one column per model input";

class OwnedBytes final : public arrow::Buffer {
 public:
  OwnedBytes(std::shared_ptr<const void> owner, std::string_view bytes)
      : arrow::Buffer(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                      static_cast<std::int64_t>(bytes.size())),
        owner_(std::move(owner)) {}

 private:
  std::shared_ptr<const void> owner_;
};

std::int64_t unpacked_bytes_max = limits::kArrowUnpackedBytesMax;

// Compressed buffers may claim any size: what all requests unpack together is limited. Never
// destroyed, since buffers may outlive every request.
arrow::MemoryPool* RequestPool() {
  static auto* pool = new arrow::CappedMemoryPool(arrow::default_memory_pool(), unpacked_bytes_max);
  return pool;
}

Status Broken(const arrow::Status& status) {
  return InvalidArgument("the body is no valid Arrow IPC data: " + status.message(),
                         std::string(kHint));
}

Status CheckType(const std::string& column, const arrow::DataType& type, int depth) {
  if (depth > limits::kJsonDepthMax) {
    return InvalidArgument(
        "column '" + column + "' is nested deeper than " + std::to_string(limits::kJsonDepthMax),
        "a tensor has one list for each of its dimensions");
  }
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
      return {};
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
      return CheckType(column, *type.field(0)->type(), depth + 1);
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return InvalidArgument("column '" + column + "' is of type " + type.ToString(),
                             "convert dates and times to strings first");
    default:
      return InvalidArgument(
          "column '" + column + "' is of type " + type.ToString() + ", which is not accepted",
          "use numbers, booleans, strings, or lists of these");
  }
}

bool HasNulls(const arrow::ArrayData& data) {
  if (data.GetNullCount() != 0) return true;
  for (const auto& child : data.child_data) {
    if (HasNulls(*child)) return true;
  }
  return false;
}

Status CheckSchema(const arrow::Schema& schema) {
  if (schema.num_fields() == 0)
    return InvalidArgument("the table has no columns", std::string(kHint));
  if (schema.num_fields() > static_cast<int>(limits::kColumnsMax)) {
    return InvalidArgument("more than " + std::to_string(limits::kColumnsMax) + " columns",
                           "put the values of one tensor into one column of lists");
  }
  for (const auto& field : schema.fields()) {
    JOEY_RETURN_IF_ERROR(CheckType(field->name(), *field->type(), 0));
    if (schema.GetAllFieldIndices(field->name()).size() > 1) {
      return InvalidArgument("the table has the column '" + field->name() + "' twice",
                             "give every column a name of its own");
    }
  }
  return {};
}

Status CheckBatch(const arrow::RecordBatch& batch) {
  arrow::Status valid = batch.ValidateFull();
  if (!valid.ok()) return Broken(valid);
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (HasNulls(*batch.column_data(i))) {
      return InvalidArgument("column '" + batch.column_name(i) + "': null is not accepted",
                             "give a value in every place; fill missing values first");
    }
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> Join(std::shared_ptr<arrow::Schema> schema,
                                                 arrow::RecordBatchVector batches) {
  std::int64_t rows = 0;
  for (const auto& batch : batches) {
    JOEY_RETURN_IF_ERROR(CheckBatch(*batch));
    rows += batch->num_rows();
    if (rows > limits::kRowsMax) {
      return InvalidArgument("more than " + std::to_string(limits::kRowsMax) + " rows in a request",
                             "send them in several requests");
    }
  }
  if (rows == 0) return InvalidArgument("the request has no rows", "send at least one row");
  if (batches.size() == 1) return std::move(batches[0]);
  auto table = arrow::Table::FromRecordBatches(std::move(schema), batches);
  if (!table.ok()) return Broken(table.status());
  auto joined = (*table)->CombineChunksToBatch();
  if (!joined.ok()) return Broken(joined.status());
  return std::move(*joined);
}

Result<std::shared_ptr<arrow::RecordBatch>> Decode(std::shared_ptr<arrow::Buffer> buffer) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = RequestPool();
  options.use_threads = false;
  bool is_file = std::string_view(*buffer).substr(0, kFileMagic.size()) == kFileMagic;
  auto input = std::make_shared<arrow::io::BufferReader>(std::move(buffer));
  arrow::RecordBatchVector batches;
  std::shared_ptr<arrow::Schema> schema;
  if (is_file) {
    auto reader = arrow::ipc::RecordBatchFileReader::Open(input, options);
    if (!reader.ok()) return Broken(reader.status());
    schema = (*reader)->schema();
    JOEY_RETURN_IF_ERROR(CheckSchema(*schema));
    for (int i = 0; i < (*reader)->num_record_batches(); ++i) {
      auto batch = (*reader)->ReadRecordBatch(i);
      if (!batch.ok()) return Broken(batch.status());
      batches.push_back(std::move(*batch));
    }
  } else {
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(input, options);
    if (!reader.ok()) return Broken(reader.status());
    schema = (*reader)->schema();
    JOEY_RETURN_IF_ERROR(CheckSchema(*schema));
    for (;;) {
      auto batch = (*reader)->Next();
      if (!batch.ok()) return Broken(batch.status());
      if (*batch == nullptr) break;
      batches.push_back(std::move(*batch));
    }
  }
  return Join(std::move(schema), std::move(batches));
}

// Collects what an IPC writer writes: small pieces are copied, whole buffers kept.
class GatherStream final : public arrow::io::OutputStream {
 public:
  arrow::Status Write(const void* data, std::int64_t bytes) override {
    open_.append(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
    position_ += bytes;
    return arrow::Status::OK();
  }
  arrow::Status Write(const std::shared_ptr<arrow::Buffer>& data) override {
    constexpr std::int64_t kCopyBytesMax = 4096;
    if (data->size() <= kCopyBytesMax) return Write(data->data(), data->size());
    Seal();
    parts_.push_back({data, std::string_view(*data)});
    position_ += data->size();
    return arrow::Status::OK();
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }

  std::vector<ArrowPart> Take() {
    Seal();
    return std::move(parts_);
  }

 private:
  void Seal() {
    if (open_.empty()) return;
    auto text = std::make_shared<std::string>(std::move(open_));
    parts_.push_back({text, *text});
    open_.clear();
  }

  std::vector<ArrowPart> parts_;
  std::string open_;
  std::int64_t position_ = 0;
  bool closed_ = false;
};

using WriterMaker =
    arrow::Result<std::shared_ptr<arrow::ipc::RecordBatchWriter>>(arrow::io::OutputStream*);

Result<std::vector<ArrowPart>> Encode(const arrow::RecordBatch& batch,
                                      const std::function<WriterMaker>& make_writer) {
  GatherStream stream;
  const auto write = [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto writer, make_writer(&stream));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
    return writer->Close();
  };
  arrow::Status written = write();
  if (!written.ok()) return Internal("cannot encode a table: " + written.ToString());
  return stream.Take();
}

}  // namespace

void LimitUnpackedArrow(std::int64_t bytes) { unpacked_bytes_max = bytes; }

Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrow(std::shared_ptr<const void> owner,
                                                        std::string_view bytes) {
  JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> batch,
                        Decode(std::make_shared<OwnedBytes>(std::move(owner), bytes)));
  return WithPlainLists(std::move(batch));
}

Result<std::shared_ptr<arrow::RecordBatch>> AcceptArrowBatch(
    std::shared_ptr<arrow::RecordBatch> batch) {
  JOEY_RETURN_IF_ERROR(CheckSchema(*batch->schema()));
  std::shared_ptr<arrow::Schema> schema = batch->schema();
  JOEY_ASSIGN_OR_RETURN(batch, Join(std::move(schema), {batch}));
  return WithPlainLists(std::move(batch));
}

Result<std::vector<ArrowPart>> EncodeArrowFile(const arrow::RecordBatch& batch) {
  return Encode(batch, [&](arrow::io::OutputStream* stream) {
    return arrow::ipc::MakeFileWriter(stream, batch.schema());
  });
}

Result<std::vector<ArrowPart>> EncodeArrowStream(const arrow::RecordBatch& batch) {
  return Encode(batch, [&](arrow::io::OutputStream* stream) {
    return arrow::ipc::MakeStreamWriter(stream, batch.schema());
  });
}

Result<std::string> EncodeArrowSchema(const arrow::Schema& schema) {
  auto message = arrow::ipc::SerializeSchema(schema);
  if (!message.ok()) return Internal("cannot encode a schema: " + message.status().ToString());
  return (*message)->ToString();
}

Result<std::vector<ArrowPart>> EncodeArrowBatch(const arrow::RecordBatch& batch) {
  GatherStream stream;
  arrow::ipc::IpcPayload payload;
  const auto options = arrow::ipc::IpcWriteOptions::Defaults();
  std::int32_t metadata_bytes = 0;
  arrow::Status written = arrow::ipc::GetRecordBatchPayload(batch, options, &payload);
  if (written.ok()) {
    written = arrow::ipc::WriteIpcPayload(payload, options, &stream, &metadata_bytes);
  }
  if (!written.ok()) return Internal("cannot encode a table: " + written.ToString());
  return stream.Take();
}

}  // namespace joey
