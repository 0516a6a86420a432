// OIP requests and answers of the REST protocol: JSON, with the binary tensor data extension.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/oip.h"
#include "engine/oip_codec.h"
#include "http/body.h"
#include "http/message.h"

namespace joey::engine {

struct OipRestRequest {
  OipRequest request;          // without model_name and model_version, which stand in the URL
  bool binary_output = false;  // for outputs that `binary` does not speak of
  std::vector<bool> binary;    // for each of request.outputs
};

// Reads a body whose first `json_bytes` are the JSON object; binary tensors follow. They are
// borrowed. InvalidArgument says which tensor is wrong and how.
Result<OipRestRequest> ParseOipJson(const http::Body& body, std::size_t json_bytes);

// The answer: model and id, then `columns`, those with `binary[i]` behind the JSON object.
http::Response WriteOipAnswer(const OipModelInfo& model, std::string_view id,
                              std::vector<OipColumn> columns, const std::vector<bool>& binary);

}  // namespace joey::engine
