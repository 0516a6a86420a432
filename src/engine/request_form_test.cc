#include "engine/request_form.h"

#include <gtest/gtest.h>

namespace joey::engine {
namespace {

constexpr std::string_view kRecords = "application/json; format=pandas-records";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kArrow = "application/vnd.apache.arrow.file";

Result<RequestForm> Form(std::string_view content_type, std::string_view accept,
                         std::string query = "") {
  http::Request request;
  request.target = "/pipelines/p" + query;
  request.headers = {{"content-type", content_type}};
  if (!accept.empty()) request.headers.emplace_back("accept", accept);
  return ReadRequestForm(request);
}

TEST(RequestForm, Table) {
  struct Row {
    std::string_view type, accept, query;
    InputForm input;
    AnswerForm answer;
  };
  const Row rows[] = {
      {kRecords, "", "", InputForm::kRecords, AnswerForm::kRecords},
      {kRecords, "*/*", "", InputForm::kRecords, AnswerForm::kRecords},
      {kRecords, kJson, "", InputForm::kRecords, AnswerForm::kRecords},
      {kRecords, kArrow, "", InputForm::kRecords, AnswerForm::kArrow},
      {kRecords, "application/json;format=classic", "", InputForm::kRecords, AnswerForm::kClassic},
      {kJson, "", "", InputForm::kJson, AnswerForm::kClassic},
      {kJson, kJson, "", InputForm::kJson, AnswerForm::kClassic},
      {"application/json; charset=utf-8", kJson, "", InputForm::kJson, AnswerForm::kClassic},
      {kJson, kRecords, "", InputForm::kJson, AnswerForm::kRecords},
      {kJson, kArrow, "", InputForm::kJson, AnswerForm::kArrow},
      {kJson, kJson, "?dataset[]=*", InputForm::kJson, AnswerForm::kRecords},
      {kJson, kJson, "?dataset.separator=.", InputForm::kJson, AnswerForm::kRecords},
      {kJson, kJson, "?dataset.exclude[]=in", InputForm::kJson, AnswerForm::kRecords},
      {kJson, kJson, "?other=1", InputForm::kJson, AnswerForm::kClassic},
      {"APPLICATION/JSON ;FORMAT=\"Pandas-Records\"", "", "", InputForm::kRecords,
       AnswerForm::kRecords},
      {kArrow, "", "", InputForm::kArrow, AnswerForm::kArrow},
      {kArrow, "*/*", "", InputForm::kArrow, AnswerForm::kArrow},
      {kArrow, kRecords, "", InputForm::kArrow, AnswerForm::kRecords},
      {kArrow, kJson, "", InputForm::kArrow, AnswerForm::kRecords},
      {kArrow, "text/html, application/json;q=0.9", "", InputForm::kArrow, AnswerForm::kRecords},
      {kArrow, "application/json; format=classic", "", InputForm::kArrow, AnswerForm::kClassic},
  };
  for (const Row& row : rows) {
    auto form = Form(row.type, row.accept, std::string(row.query));
    ASSERT_TRUE(form.ok()) << row.type;
    EXPECT_EQ(form->input, row.input) << row.type << " " << row.accept << row.query;
    EXPECT_EQ(form->answer, row.answer) << row.type << " " << row.accept << row.query;
  }
}

TEST(RequestForm, OtherTypesAreRefused) {
  for (std::string_view type : {"", "text/csv", "application/jsonl", "application"}) {
    auto form = Form(type, "");
    ASSERT_FALSE(form.ok()) << type;
    EXPECT_EQ(form.status().code(), Code::kUnsupportedMediaType);
  }
}

}  // namespace
}  // namespace joey::engine
