// What a request holds and what it wants back, by its headers and query (docs/rest-api.md).
#pragma once

#include "data/answer.h"
#include "http/message.h"

namespace joey::engine {

enum class InputForm {
  kRecords,  // application/json; format=pandas-records
  kJson,     // application/json: a dict of columns, or a list
  kArrow,
};

enum class AnswerForm { kRecords, kClassic, kArrow };

struct RequestForm {
  InputForm input = InputForm::kRecords;
  AnswerForm answer = AnswerForm::kRecords;
  AnswerOptions options;
};

// kUnsupportedMediaType: a Content-Type that is no inference data.
Result<RequestForm> ReadRequestForm(const http::Request& request);

}  // namespace joey::engine
