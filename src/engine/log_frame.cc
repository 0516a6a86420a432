#include "engine/log_frame.h"

#include <arrow/buffer.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include <nlohmann/json.hpp>

namespace joey::engine {

namespace {

// Counts what a writer would write.
class Counter {
 public:
  void Put(const void*, std::size_t size) { size_ += (size + 7) / 8 * 8; }
  template <typename Offset>
  void PutOffsets(const Offset*, std::size_t count) {
    Put(nullptr, count * sizeof(Offset));
  }
  void PutBits(const std::uint8_t*, std::int64_t, std::size_t count) { Put(nullptr, count); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

class Writer {
 public:
  explicit Writer(char* to) : to_(to) {}
  void Put(const void* data, std::size_t size) {
    if (size == 8) {  // most values of one row, without a call
      std::memcpy(to_, data, 8);
    } else if (size > 0) {
      std::memcpy(to_, data, size);
    }
    Advance(size);
  }
  // Offsets that begin at 0, wherever the array's own begin.
  template <typename Offset>
  void PutOffsets(const Offset* offsets, std::size_t count) {
    auto* out = reinterpret_cast<Offset*>(to_);
    for (std::size_t i = 0; i < count; ++i) out[i] = offsets[i] - offsets[0];
    Advance(count * sizeof(Offset));
  }
  void PutBits(const std::uint8_t* bits, std::int64_t offset, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t at = offset + static_cast<std::int64_t>(i);
      to_[i] = static_cast<char>((bits[at / 8] >> (at % 8)) & 1);
    }
    Advance(count);
  }

 private:
  void Advance(std::size_t size) { to_ += (size + 7) / 8 * 8; }
  char* to_;
};

// An array without values may come without its one offset.
template <typename Offset>
const Offset* OffsetsOf(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length) {
  static constexpr Offset kNone[] = {0};
  return length == 0 ? kNone : data.GetValues<Offset>(1, offset);
}

template <typename Offset, typename Sink>
void PutColumn(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length, Sink& sink);

template <typename Offset, typename Sink>
void PutText(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length, Sink& sink) {
  const Offset* offsets = OffsetsOf<Offset>(data, offset, length);
  sink.PutOffsets(offsets, static_cast<std::size_t>(length) + 1);
  const std::uint8_t* characters = data.buffers[2] ? data.buffers[2]->data() : nullptr;
  sink.Put(characters + offsets[0], static_cast<std::size_t>(offsets[length] - offsets[0]));
}

// `offset` counts from the start of the buffers, it includes data.offset.
template <typename Sink>
void PutArray(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length, Sink& sink) {
  switch (data.type->id()) {
    case arrow::Type::BOOL:
      return sink.PutBits(data.buffers[1] ? data.buffers[1]->data() : nullptr, offset,
                          static_cast<std::size_t>(length));
    case arrow::Type::STRING:
      return PutText<std::int32_t>(data, offset, length, sink);
    case arrow::Type::LARGE_STRING:
      return PutText<std::int64_t>(data, offset, length, sink);
    case arrow::Type::LIST:
      return PutColumn<std::int32_t>(data, offset, length, sink);
    case arrow::Type::LARGE_LIST:
      return PutColumn<std::int64_t>(data, offset, length, sink);
    case arrow::Type::FIXED_SIZE_LIST: {
      std::int64_t width = static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
      const arrow::ArrayData& child = *data.child_data[0];
      return PutArray(child, child.offset + offset * width, length * width, sink);
    }
    default: {
      auto width = static_cast<std::size_t>(arrow::bit_width(data.type->id()) / 8);
      const std::uint8_t* values = data.buffers[1] ? data.buffers[1]->data() : nullptr;
      return sink.Put(values + static_cast<std::size_t>(offset) * width,
                      static_cast<std::size_t>(length) * width);
    }
  }
}

template <typename Offset, typename Sink>
void PutColumn(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length, Sink& sink) {
  const Offset* offsets = OffsetsOf<Offset>(data, offset, length);
  sink.PutOffsets(offsets, static_cast<std::size_t>(length) + 1);
  const arrow::ArrayData& child = *data.child_data[0];
  PutArray(child, child.offset + offsets[0], offsets[length] - offsets[0], sink);
}

template <typename Sink>
void PutBatch(const arrow::RecordBatch& batch, Sink& sink) {
  // Not column_data(i), which counts a reference per column.
  for (const auto& data : batch.column_data()) {
    PutArray(*data, data->offset, data->length, sink);
  }
}

template <typename Sink>
void PutRecord(const InferenceRecord& record, Sink& sink) {
  std::uint64_t elapsed = record.elapsed_ns.size();
  sink.Put(&record.time_ms, 8);
  sink.Put(&record.rows, 8);
  sink.Put(&elapsed, 8);
  sink.Put(record.elapsed_ns.data(), elapsed * 8);
  PutBatch(*record.in, sink);
  PutBatch(*record.out, sink);
  if (record.extra != nullptr) PutBatch(*record.extra, sink);
}

void AppendText(std::string& out, std::string_view text) {
  std::uint64_t size = text.size();
  out.append(reinterpret_cast<const char*>(&size), 8);
  out.append(text);
  out.resize((out.size() + 7) / 8 * 8);
}

std::string SchemaBytes(const arrow::Schema& schema) {
  auto buffer = arrow::ipc::SerializeSchema(schema);
  return buffer.ok() ? (*buffer)->ToString() : std::string();
}

}  // namespace

std::size_t RecordPayloadSize(const InferenceRecord& record) {
  Counter counter;
  PutRecord(record, counter);
  return counter.size();
}

void WriteRecordPayload(const InferenceRecord& record, char* to) {
  Writer writer(to);
  PutRecord(record, writer);
}

std::string SchemaPayload(const InferenceRecord& record) {
  const RecordContext& context = *record.context;
  nlohmann::json document = {
      {"topic", context.topic},
      {"pipeline_name", context.pipeline_name},
      {"pipeline_version", context.pipeline_version},
      {"partition", context.partition},
      {"last_model", context.last_model},
      {"check_failures", context.check_column == CheckColumn::kCheckFailures}};
  std::string out;
  AppendText(out, document.dump());
  AppendText(out, SchemaBytes(*record.in->schema()));
  AppendText(out, SchemaBytes(*record.out->schema()));
  AppendText(out, record.extra ? SchemaBytes(*record.extra->schema()) : std::string());
  return out;
}

}  // namespace joey::engine
