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
  return Response::Json(document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                        HttpStatus(status.code()));
}

}  // namespace joey::http
