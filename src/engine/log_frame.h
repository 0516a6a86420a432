// How a record lies in the spool: the raw Arrow buffers of its columns, one after the other.
// Internal to engine.
#pragma once

#include <arrow/array/data.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "data/record.h"

namespace joey::engine {

// Before each frame, 8-byte aligned. `size` is set when the room is taken, `state` when the frame
// is whole: a process that was killed in between leaves a frame that readers step over.
struct FrameHeader {
  std::uint32_t size;  // of header and payload, a multiple of 8; 0 where no frame begins yet
  std::uint32_t state;
  std::uint64_t sequence;  // of record frames, growing by one
  std::uint32_t kind;
  std::uint32_t schema_id;
  std::uint32_t payload_size;  // without padding
  std::uint32_t checksum;      // CRC-32C of the payload
};
static_assert(sizeof(FrameHeader) == 32);

inline constexpr std::uint32_t kFrameCommitted = 0x454D4143;
inline constexpr std::uint32_t kFrameAbandoned = 0x454E4F47;  // room that was not used
inline constexpr std::uint32_t kSchemaFrame = 1;
inline constexpr std::uint32_t kRecordFrame = 2;

// Payload of a record frame: time_ms, rows, number of elapsed times, these, then the columns of
// `in`, `out` and `extra`. Each value below is padded to 8 bytes.
std::size_t RecordPayloadSize(const InferenceRecord& record);
void WriteRecordPayload(const InferenceRecord& record, char* to);

// Payload of a schema frame: the context and the schemas of `in`, `out` and `extra`.
std::string SchemaPayload(const InferenceRecord& record);

// Reads a payload that may be damaged: every step is checked against its end.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view payload) : rest_(payload) {}

  // The next `size` bytes and the padding behind them; false when there are not as many.
  bool Take(std::size_t size, std::string_view& out) {
    std::size_t padded = (size + 7) / 8 * 8;
    if (size > rest_.size() || padded > rest_.size() + 7) return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(std::min(padded, rest_.size()));
    return true;
  }
  template <typename T>
  bool TakeValue(T& out) {
    std::string_view bytes;
    if (!Take(sizeof(T), bytes)) return false;
    std::memcpy(&out, bytes.data(), sizeof(T));
    return true;
  }
  bool TakeText(std::string_view& out) {
    std::uint64_t size = 0;
    return TakeValue(size) && Take(size, out);
  }

 private:
  std::string_view rest_;
};

}  // namespace joey::engine
