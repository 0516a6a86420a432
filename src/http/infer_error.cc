#include "http/infer_error.h"

#include <nlohmann/json.hpp>

namespace joey::http {

Response InferError(const Status& status) {
  Response response = ErrorResponse(status);
  response.body = "[" + response.body + "]";
  return response;
}

Response OipError(const Status& status) {
  const nlohmann::json document = {{"error", status.ToString()}};
  Response response = ErrorResponse(status);
  response.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace joey::http
