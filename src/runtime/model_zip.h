// The zip of a model that a worker unpacks, checked without running anything of it.
#pragma once

#include <string>

#include "base/status.h"

namespace joey {

// The text of its requirements.txt, at the top or in the only folder there; empty without one.
// kInvalidArgument: no zip, more than limits allow, or names that climb out.
Result<std::string> InspectModelZip(const std::string& path);

}  // namespace joey
