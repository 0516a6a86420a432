#include "http/infer_error.h"

namespace joey::http {

Response InferError(const Status& status) {
  Response response = ErrorResponse(status);
  response.body = "[" + response.body + "]";
  return response;
}

}  // namespace joey::http
