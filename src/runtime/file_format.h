// Names the format of a file by its first bytes, for messages.
#pragma once

#include <string_view>

namespace joey {

// "a zip archive (…)" and the like; empty for unknown formats.
std::string_view NameOfFileFormat(std::string_view file);

}  // namespace joey
