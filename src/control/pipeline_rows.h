// Rows of the pipeline tables as records; shared by the services that read them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "control/records.h"
#include "store/connection.h"

namespace joey::control {

// The pipelines that match `where` on p (pipeline), with their versions and deployments; newest
// first.
Status LoadPipelines(Connection& connection, std::string_view where,
                     std::initializer_list<SqlValue> values, std::vector<Pipeline>& out);

Result<Pipeline> LoadPipeline(Connection& connection, std::int64_t pipeline_id);

}  // namespace joey::control
