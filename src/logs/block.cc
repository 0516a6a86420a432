#include "logs/block.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "base/crc32c.h"
#include "base/limits.h"

namespace joey::logs {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

// Magic, header length, checksum of what follows the checksum.
constexpr std::size_t kPreambleBytes = 8 + 4 + 4;
constexpr std::size_t kFixedBytes = kPreambleBytes + 8 * 8 + 4 + 4 + 4;

template <typename T>
void Put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T Get(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

Status Broken(const char* what) {
  return {Code::kDataLoss, std::string("the header of a log block ") + what};
}

}  // namespace

std::string EncodeHeader(const BlockHeader& header) {
  std::string fields;
  Put(fields, header.first_sequence);
  Put(fields, header.last_sequence);
  Put(fields, header.first_row);
  Put(fields, header.rows);
  Put(fields, header.failures);
  Put(fields, header.time_min);
  Put(fields, header.time_max);
  Put(fields, header.durable_end);
  Put(fields, header.payload_bytes);
  Put(fields, header.payload_crc);
  Put(fields, static_cast<std::uint32_t>(header.source.size()));
  fields += header.source;

  std::string out(kBlockMagic);
  Put(out, static_cast<std::uint32_t>(kPreambleBytes + fields.size()));
  Put(out, Crc32c(fields));
  return out + fields;
}

Result<ParsedHeader> ParseHeader(std::string_view bytes) {
  if (bytes.size() < kFixedBytes) return Broken("is cut");
  if (!bytes.starts_with(kBlockMagic)) return Broken("does not begin as one");
  std::string_view rest = bytes.substr(kBlockMagic.size());
  const auto length = Get<std::uint32_t>(rest);
  const auto crc = Get<std::uint32_t>(rest);
  if (length < kFixedBytes || length > kFixedBytes + limits::kLogSourceBytesMax) {
    return Broken("has an impossible length");
  }
  if (length > bytes.size()) return Broken("is cut");
  rest = bytes.substr(kPreambleBytes, length - kPreambleBytes);
  if (Crc32c(rest) != crc) return Broken("does not match its checksum");

  ParsedHeader out;
  out.bytes = length;
  BlockHeader& header = out.header;
  header.first_sequence = Get<std::uint64_t>(rest);
  header.last_sequence = Get<std::uint64_t>(rest);
  header.first_row = Get<std::int64_t>(rest);
  header.rows = Get<std::int64_t>(rest);
  header.failures = Get<std::int64_t>(rest);
  header.time_min = Get<std::int64_t>(rest);
  header.time_max = Get<std::int64_t>(rest);
  header.durable_end = Get<std::uint64_t>(rest);
  header.payload_bytes = Get<std::uint32_t>(rest);
  header.payload_crc = Get<std::uint32_t>(rest);
  const auto source_bytes = Get<std::uint32_t>(rest);
  if (source_bytes != rest.size()) return Broken("names a source of another length");
  header.source = rest;
  constexpr std::int64_t kRowMax = std::int64_t{1} << 60;  // so that sums cannot overflow
  if (header.rows <= 0 || header.rows > limits::kRowsMax || header.failures < 0 ||
      header.failures > header.rows || header.first_row < 0 || header.first_row > kRowMax ||
      header.time_min > header.time_max || header.first_sequence > header.last_sequence) {
    return Broken("contradicts itself");
  }
  return out;
}

}  // namespace joey::logs
