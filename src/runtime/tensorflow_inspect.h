// What a TensorFlow SavedModel says about itself, read without TensorFlow and without trusting it.
//
// Nothing of it is executed here. Refused with what was expected instead (kInvalidArgument):
// damage, signatures that are no plain tensors, operations that read or write files or call Python.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/tensor.h"
#include "runtime/model_signature.h"

namespace joey {

struct SavedModelPort {
  TensorSpec spec;
  std::string operation;  // of the graph
  int output_index = 0;   // of that operation
};

struct SavedModel {
  std::vector<std::string> tags;  // of the graph to load, which "serve" is one of
  // Of the signature serving_default, or of the only one; sorted by name.
  std::vector<SavedModelPort> inputs;
  std::vector<SavedModelPort> outputs;
  bool needs_variables = false;

  ModelSignature Signature() const;
};

// `file` is saved_model.pb.
Result<SavedModel> InspectSavedModel(std::string_view file);

}  // namespace joey
