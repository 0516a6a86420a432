// Random identifiers and secrets, from the operating system's generator.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace joey {

// A random UUID (version 4) in lower case.
std::string NewUuid();

// Whether `text` is a UUID in the form NewUuid() writes it.
bool IsUuid(std::string_view text);

// `bytes` random bytes as lower-case hexadecimal digits.
std::string RandomHex(std::size_t bytes);

}  // namespace joey
