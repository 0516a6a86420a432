#include "engine/infer_handler.h"

#include <chrono>

#include "base/clock.h"
#include "data/arrow_ipc.h"
#include "data/classic_answer.h"
#include "data/json_input.h"
#include "engine/request_form.h"

namespace joey::engine {

namespace {

Result<http::Response> ArrowResponse(const InferenceRecord& record, const AnswerOptions& options) {
  auto table = MakeAnswerTable(record, options);
  Result<std::vector<ArrowPart>> parts = EncodeArrowFile(*table);
  if (!parts.ok()) return parts.status();
  http::Response response;
  response.content_type = kArrowFileType;
  for (ArrowPart& part : *parts) {
    response.parts.push_back({std::move(part.owner), part.bytes});
  }
  return response;
}

http::Response RecordsResponse(std::vector<std::string> texts) {
  if (texts.size() == 1) return http::Response::Json(std::move(texts[0]));
  http::Response response = http::Response::Json({});
  for (std::string& text : texts) {
    auto owner = std::make_shared<std::string>(std::move(text));
    response.parts.push_back({owner, *owner});
  }
  return response;
}

Result<http::Response> Answer(const InferenceRecord& record, const RequestForm& form,
                              std::span<const std::string_view> cells, std::string_view body,
                              int threads) {
  switch (form.answer) {
    case AnswerForm::kArrow:
      return ArrowResponse(record, form.options);
    case AnswerForm::kRecords:
      return RecordsResponse(WriteJsonAnswer(record, cells, form.options, threads));
    case AnswerForm::kClassic:
      break;
  }
  ClassicOptions options;
  if (form.input == InputForm::kJson) options = {.original_data = body, .elapsed_as_sum = true};
  return http::Response::Json(WriteClassicAnswer(record, options));
}

}  // namespace

Result<http::Response> Infer(const http::Request& request, const Pipeline& pipeline,
                             InferenceLog* log, int threads, InferOutcome& outcome) {
  JOEY_ASSIGN_OR_RETURN(RequestForm form, ReadRequestForm(request));

  std::int64_t time_ms = NowMicros() / 1000;
  auto start = std::chrono::steady_clock::now();
  std::shared_ptr<arrow::RecordBatch> in;
  std::vector<std::string_view> cells;
  std::shared_ptr<const void> copied_text;
  if (form.input != InputForm::kArrow) {
    auto parse = form.input == InputForm::kJson ? ParseJsonInput : ParseJsonRecords;
    JOEY_ASSIGN_OR_RETURN(JsonRecords records,
                          parse(request.body.view(), pipeline.hints(), threads));
    in = std::move(records.batch);
    cells = std::move(records.cells);
    copied_text = std::move(records.copied_text);
  } else {
    JOEY_ASSIGN_OR_RETURN(in, DecodeArrow(request.body.owner(), request.body.view()));
  }
  auto parse_ns = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());

  JOEY_ASSIGN_OR_RETURN(InferenceRecord record,
                        RunInference(pipeline, log, std::move(in), time_ms, parse_ns, outcome));
  return Answer(record, form, cells, request.body.view(), threads);
}

}  // namespace joey::engine
