// A block: what one append of a log topic leaves in a segment file. A header, checked by its own
// checksum, then the payload: an Arrow IPC file of the rows in batches of kRowsPerBatch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey::logs {

struct BlockHeader {
  std::string source;                // who sent it: the spool's id
  std::uint64_t first_sequence = 0;  // of the source's frames in it
  std::uint64_t last_sequence = 0;
  std::int64_t first_row = 0;  // position in the topic
  std::int64_t rows = 0;
  std::int64_t failures = 0;  // rows that broke a validation
  std::int64_t time_min = 0;  // milliseconds since 1970
  std::int64_t time_max = 0;
  std::uint64_t durable_end = 0;  // bytes of the segment that were durable when this was written
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_crc = 0;
};

// Bytes that tell the begin of a block.
inline constexpr std::string_view kBlockMagic{"JOEYLOG1", 8};

// The header's bytes; the payload follows.
std::string EncodeHeader(const BlockHeader& header);

struct ParsedHeader {
  BlockHeader header;
  std::size_t bytes = 0;  // of the header
};
// The header at the begin of `bytes`. DataLoss when it is cut, broken or makes no sense.
Result<ParsedHeader> ParseHeader(std::string_view bytes);

}  // namespace joey::logs
