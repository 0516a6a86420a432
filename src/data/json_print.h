// Arrow values as JSON text.
#pragma once

#include <arrow/array/data.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace joey {

// `text` escaped, without quotes around it.
void AppendJsonEscaped(std::string& out, std::string_view text);

// `text` in quotes, escaped.
void AppendJsonString(std::string& out, std::string_view text);

void AppendJsonInteger(std::string& out, std::int64_t value);

// The shortest decimal that gives the same float32 or float64 back, always with a point or an
// exponent ("1.0"); null for NaN and infinities, which JSON cannot say.
void AppendJsonFloat(std::string& out, float value);
void AppendJsonFloat(std::string& out, double value);

// Element `index` (counted from data.offset) of a column without nulls: numbers, booleans,
// strings, lists of these and structs.
void AppendJsonValue(std::string& out, const arrow::ArrayData& data, std::int64_t index);

// Elements [begin, end) (counted from data.offset) as a JSON list.
void AppendJsonList(std::string& out, const arrow::ArrayData& data, std::int64_t begin,
                    std::int64_t end);

}  // namespace joey
