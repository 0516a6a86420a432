#include "data/json_print.h"

#include <arrow/type.h>
#include <arrow/util/float16.h>

#include <charconv>
#include <cmath>
#include <cstring>

namespace joey {

namespace {

template <typename T>
void AppendFloat(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[40];
  char* end = std::to_chars(text, text + sizeof text - 2, value).ptr;
  bool integral = true;
  for (const char* c = text; c != end; ++c)
    integral = integral && (*c == '-' || (*c >= '0' && *c <= '9'));
  if (integral) {
    *end++ = '.';
    *end++ = '0';
  }
  out.append(text, static_cast<std::size_t>(end - text));
}

template <typename T>
void AppendInteger(std::string& out, T value) {
  char text[24];
  char* end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, static_cast<std::size_t>(end - text));
}

template <typename Offset>
std::string_view StringAt(const arrow::ArrayData& data, std::int64_t index) {
  const Offset* offsets = data.GetValues<Offset>(1);
  if (data.buffers[2] == nullptr) return {};
  const char* characters = reinterpret_cast<const char*>(data.buffers[2]->data());
  return {characters + offsets[index],
          static_cast<std::size_t>(offsets[index + 1] - offsets[index])};
}

bool IsSpecial(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// The high bit of each byte that is zero; exact only for the lowest such byte, which is enough.
std::uint64_t ZeroBytes(std::uint64_t bytes) {
  return (bytes - 0x0101010101010101) & ~bytes & 0x8080808080808080;
}

// The first character that JSON wants escaped, or `end`.
const char* FindSpecial(const char* p, const char* end) {
  for (; end - p >= 8; p += 8) {
    std::uint64_t bytes;
    std::memcpy(&bytes, p, 8);
    const std::uint64_t control = (bytes - 0x2020202020202020) & ~bytes & 0x8080808080808080;
    const std::uint64_t quote = ZeroBytes(bytes ^ 0x2222222222222222);
    const std::uint64_t backslash = ZeroBytes(bytes ^ 0x5C5C5C5C5C5C5C5C);
    if ((control | quote | backslash) != 0) break;
  }
  while (p < end && !IsSpecial(*p)) ++p;
  return p;
}

void AppendEscaped(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void AppendJsonEscaped(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (;;) {
    const char* const special = FindSpecial(p, end);
    out.append(p, special);
    if (special == end) break;
    AppendEscaped(out, *special);
    p = special + 1;
  }
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendJsonEscaped(out, text);
  out += '"';
}

void AppendJsonInteger(std::string& out, std::int64_t value) { AppendInteger(out, value); }
void AppendJsonFloat(std::string& out, float value) { AppendFloat(out, value); }
void AppendJsonFloat(std::string& out, double value) { AppendFloat(out, value); }

void AppendJsonList(std::string& out, const arrow::ArrayData& data, std::int64_t begin,
                    std::int64_t end) {
  out += '[';
  if (data.type->id() == arrow::Type::FLOAT) {  // by far the most frequent
    const float* numbers = data.GetValues<float>(1);
    for (std::int64_t i = begin; i < end; ++i) {
      if (i > begin) out += ',';
      AppendFloat(out, numbers[i]);
    }
  } else {
    for (std::int64_t i = begin; i < end; ++i) {
      if (i > begin) out += ',';
      AppendJsonValue(out, data, i);
    }
  }
  out += ']';
}

void AppendJsonValue(std::string& out, const arrow::ArrayData& data, std::int64_t index) {
  switch (data.type->id()) {
    case arrow::Type::FLOAT:
      return AppendFloat(out, data.GetValues<float>(1)[index]);
    case arrow::Type::DOUBLE:
      return AppendFloat(out, data.GetValues<double>(1)[index]);
    case arrow::Type::HALF_FLOAT:
      return AppendFloat(
          out, arrow::util::Float16::FromBits(data.GetValues<std::uint16_t>(1)[index]).ToFloat());
    case arrow::Type::INT8:
      return AppendInteger(out, int{data.GetValues<std::int8_t>(1)[index]});
    case arrow::Type::INT16:
      return AppendInteger(out, data.GetValues<std::int16_t>(1)[index]);
    case arrow::Type::INT32:
      return AppendInteger(out, data.GetValues<std::int32_t>(1)[index]);
    case arrow::Type::INT64:
      return AppendInteger(out, data.GetValues<std::int64_t>(1)[index]);
    case arrow::Type::UINT8:
      return AppendInteger(out, int{data.GetValues<std::uint8_t>(1)[index]});
    case arrow::Type::UINT16:
      return AppendInteger(out, data.GetValues<std::uint16_t>(1)[index]);
    case arrow::Type::UINT32:
      return AppendInteger(out, data.GetValues<std::uint32_t>(1)[index]);
    case arrow::Type::UINT64:
      return AppendInteger(out, data.GetValues<std::uint64_t>(1)[index]);
    case arrow::Type::BOOL: {
      std::int64_t at = data.offset + index;
      out += (data.buffers[1]->data()[at / 8] >> (at % 8)) & 1 ? "true" : "false";
      return;
    }
    case arrow::Type::STRING:
      return AppendJsonString(out, StringAt<std::int32_t>(data, index));
    case arrow::Type::LARGE_STRING:
      return AppendJsonString(out, StringAt<std::int64_t>(data, index));
    case arrow::Type::LIST: {
      const std::int32_t* offsets = data.GetValues<std::int32_t>(1);
      return AppendJsonList(out, *data.child_data[0], offsets[index], offsets[index + 1]);
    }
    case arrow::Type::LARGE_LIST: {
      const std::int64_t* offsets = data.GetValues<std::int64_t>(1);
      return AppendJsonList(out, *data.child_data[0], offsets[index], offsets[index + 1]);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      std::int64_t width = static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
      std::int64_t begin = (data.offset + index) * width;
      return AppendJsonList(out, *data.child_data[0], begin, begin + width);
    }
    case arrow::Type::STRUCT: {
      out += '{';
      for (int i = 0; i < data.type->num_fields(); ++i) {
        if (i > 0) out += ',';
        AppendJsonString(out, data.type->field(i)->name());
        out += ':';
        AppendJsonValue(out, *data.child_data[static_cast<std::size_t>(i)], data.offset + index);
      }
      out += '}';
      return;
    }
    default:
      out += "null";  // DecodeArrow() lets no other type in
  }
}

}  // namespace joey
