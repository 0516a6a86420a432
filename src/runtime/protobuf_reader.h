// Reads the protobuf wire format of untrusted bytes, field by field, without copies.
//
// Promises: never reads outside the given bytes, never recurses, never allocates. Groups (which no
// file format of ours uses) and fields longer than what is left are reported as damage.
#pragma once

#include <cstdint>
#include <string_view>

namespace joey {

class ProtobufReader {
 public:
  enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  explicit ProtobufReader(std::string_view bytes) : rest_(bytes) {}

  // Advances to the next field. False at the end and for damaged bytes; damaged() tells which.
  bool Next();
  bool damaged() const { return damaged_; }

  std::uint32_t field() const { return field_; }
  Wire wire() const { return wire_; }
  std::uint64_t number() const { return number_; }   // 0 for kBytes
  std::string_view bytes() const { return bytes_; }  // empty unless kBytes
  std::int64_t integer() const { return static_cast<std::int64_t>(number_); }

  // Takes one varint off the front of `bytes`; false when there is none that is whole.
  static bool TakeVarint(std::string_view& bytes, std::uint64_t& value);

 private:
  bool Damaged() {
    damaged_ = true;
    rest_ = {};
    return false;
  }

  std::string_view rest_;
  std::string_view bytes_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0;
  Wire wire_ = Wire::kVarint;
  bool damaged_ = false;
};

}  // namespace joey
