#include "runtime/protobuf_reader.h"

#include <limits>

namespace joey {
namespace {

std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

}  // namespace

bool ProtobufReader::TakeVarint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool ProtobufReader::Next() {
  if (rest_.empty()) return false;
  std::uint64_t tag = 0;
  if (!TakeVarint(rest_, tag)) return Damaged();
  if (tag >> 3 == 0 || tag > std::numeric_limits<std::uint32_t>::max()) return Damaged();
  field_ = static_cast<std::uint32_t>(tag >> 3);
  wire_ = static_cast<Wire>(tag & 7);
  bytes_ = {};
  number_ = 0;
  std::size_t size = 0;
  switch (wire_) {
    case Wire::kVarint:
      return TakeVarint(rest_, number_) || Damaged();
    case Wire::kFixed64:
      size = 8;
      break;
    case Wire::kFixed32:
      size = 4;
      break;
    case Wire::kBytes: {
      std::uint64_t length = 0;
      if (!TakeVarint(rest_, length) || length > rest_.size()) return Damaged();
      size = static_cast<std::size_t>(length);
      break;
    }
    default:
      return Damaged();
  }
  if (size > rest_.size()) return Damaged();
  bytes_ = rest_.substr(0, size);
  rest_.remove_prefix(size);
  if (wire_ != Wire::kBytes) {
    number_ = LittleEndian(bytes_);
    bytes_ = {};
  }
  return true;
}

}  // namespace joey
