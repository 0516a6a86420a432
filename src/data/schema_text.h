// Arrow schemas as text: base64 of an encapsulated IPC schema message, as clients send them
// (WIRE.md §4.4).
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>

#include "base/status.h"

namespace joey {

// kInvalidArgument: no base64, or no schema.
Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view base64);

}  // namespace joey
