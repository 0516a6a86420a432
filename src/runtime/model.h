// One interface for a loaded model, whatever runs it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/tensor.h"

namespace joey {

// Loaded and ready. Run() may be called from several threads at once.
class Model {
 public:
  virtual ~Model() = default;

  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;

  // One tensor per input, in the order of inputs(); one per output comes back. Input memory is
  // only borrowed during the call.
  virtual Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const = 0;
};

}  // namespace joey
