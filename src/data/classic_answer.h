// The older form of an answer: one document per request with typed, flattened outputs.
#pragma once

#include <string>
#include <string_view>

#include "data/record.h"

namespace joey {

struct ClassicOptions {
  // JSON text to show as `original_data`, valid and as it was sent; empty: null.
  std::string_view original_data;
  // `elapsed` as one number, the sum, as answers to dicts have it; else the list of its parts.
  bool elapsed_as_sum = false;
};

// `[{"check_failures":[…],"elapsed":…,"model_name","model_version","original_data":…,
//    "outputs":[{"Float":{"data":[…],"dim":[rows,…],"v":1}}],"pipeline_name",
//    "shadow_data":{model: outputs},"time"}]` (guide L7296-7392, L8841-8909).
// A column is named by its type only: Float, Double, Int8…Int64, Uint8…Uint64, Bool, String, and
// Json for what is no tensor (lists of unequal length, structs), one value for each row. float32
// and float16 are printed with all digits of their value as float64. Rows that met different models
// (`metadata.last_model` in the record) make one document for each run of rows with the same model.
std::string WriteClassicAnswer(const InferenceRecord& record, const ClassicOptions& options);

}  // namespace joey
