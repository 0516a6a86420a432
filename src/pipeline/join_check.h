// Whether a pipeline's steps can fit together, as far as that shows before there is data.
#pragma once

#include <vector>

#include "pipeline/step.h"

namespace joey {

// InvalidArgument names the two models, the column and what differs. What only a request can tell
// (its own columns, undeclared outputs) is left to Execute().
Status CheckJoins(const std::vector<std::unique_ptr<Step>>& steps);

}  // namespace joey
