// The elements of an OIP tensor that is written as JSON. Internal to oip_json.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "data/element_type.h"
#include "engine/oip.h"

namespace joey::engine {

inline constexpr std::string_view kOipExample =
    R"(send {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]})";

// For what is not JSON, wherever that shows.
Status OipMalformedJson();

// Reads `data`, flat or nested as the shape, into the bytes of `tensor`, which has its name, shape
// and datatype already. `count`: elements of that shape. `last_bracket`: the last ']' of the
// request.
Status ReadOipData(simdjson::ondemand::value data, ElementType type, std::int64_t count,
                   const char* last_bracket, OipTensor& tensor);

}  // namespace joey::engine
