// Whether a pipeline's steps and checks can fit together, as far as that shows before there is
// data. What only a request can tell (its own columns, undeclared outputs) is left to it.
#pragma once

#include <vector>

#include "base/status.h"
#include "expression/check.h"
#include "pipeline/model_fields.h"

namespace joey {

// InvalidArgument names the two models, the column and what differs.
Status CheckJoins(const std::vector<StepFields>& steps);

// Of an add_validations() check. InvalidArgument: its name is taken, or it reads an output that
// `last`, the last step, does not give, or does with it what its type does not allow.
Status CheckColumns(const Check& check, const StepFields& last);

}  // namespace joey
