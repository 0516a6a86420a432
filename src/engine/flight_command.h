// The descriptor of a Flight call: which pipeline, and which columns its answers should have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/answer.h"

namespace joey::engine {

// `path` is empty or [pipeline]. `command` is empty or a JSON object with any of "pipeline",
// "dataset" and "dataset_exclude" (a name or a list of names), "dataset_separator". Without them
// answers are flat, `in.tensor`, and have every column but metadata.
// kNotFound: another pipeline. kInvalidArgument: anything else in the command, named.
Result<AnswerOptions> ReadFlightCommand(const std::string& pipeline,
                                        const std::vector<std::string>& path,
                                        std::string_view command);

}  // namespace joey::engine
