// A loaded model of either kind.
#pragma once

#include <memory>

#include "runtime/model.h"
#include "runtime/table_model.h"

namespace joey {

// Exactly one is set.
struct LoadedModel {
  std::shared_ptr<const Model> tensors;
  std::shared_ptr<const TableModel> tables;
};

}  // namespace joey
