// The parameters and the body of a request for log records.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/message.h"
#include "logs/query.h"

namespace joey::api {

// The one partition of a topic; a body {kLogPartition: row} begins at that row.
inline constexpr const char* kLogPartition = "log";

// InvalidArgument for values that make no sense; unknown parameters are ignored.
Result<logs::Query> ParseLogQuery(const std::vector<http::QueryParameter>& parameters);

// {} begins; otherwise `next` of the last page, which must be of a query of the same order.
Result<std::optional<logs::Cursor>> ParseCursor(const nlohmann::json& body,
                                                const logs::Query& query);
nlohmann::json CursorDocument(const std::optional<logs::Cursor>& cursor, const logs::Query& query);

}  // namespace joey::api
