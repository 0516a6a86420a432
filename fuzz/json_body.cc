// Request bodies in JSON.
#include <arrow/record_batch.h>

#include <cstdint>
#include <string>

#include "data/answer.h"
#include "data/json_input.h"
#include "data/json_records.h"
#include "expect.h"

namespace {

std::string Answer(const joey::JsonRecords& records, bool echo) {
  joey::InferenceRecord record;
  record.context = std::make_shared<joey::RecordContext>();
  record.rows = records.batch->num_rows();
  record.in = records.batch;
  record.out = arrow::RecordBatch::Make(arrow::schema({}), record.rows, arrow::ArrayVector{});
  const joey::AnswerOptions options{joey::Dataset({"in"}, {}), "."};
  const auto cells = echo ? records.cells : std::span<const std::string_view>();
  return std::move(joey::WriteJsonAnswer(record, cells, options, 1).front());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string padded =
      std::string(reinterpret_cast<const char*>(data), size) + std::string(64, ' ');
  const std::string_view text = std::string_view(padded).substr(0, size);
  static const joey::JsonColumnHint kHints[] = {{"tensor", joey::JsonKind::kDouble},
                                                {"i", joey::JsonKind::kInt64},
                                                {"s", joey::JsonKind::kString}};
  auto one = joey::ParseJsonRecords(text, kHints, 1);
  auto two = joey::ParseJsonRecords(text, kHints, 2);
  FUZZ_EXPECT(one.ok() == two.ok());
  if (one.ok()) {
    FUZZ_EXPECT(one->batch->ValidateFull().ok());
    FUZZ_EXPECT(one->batch->Equals(*two->batch));
    // What is echoed reads as what was sent.
    const std::string echoed = Answer(*one, true);
    const std::string again = echoed + std::string(64, ' ');
    auto back = joey::ParseJsonRecords(std::string_view(again).substr(0, echoed.size()), {}, 1);
    FUZZ_EXPECT(back.ok());
    FUZZ_EXPECT(back->batch->num_rows() == one->batch->num_rows());
    FUZZ_EXPECT(!Answer(*one, false).empty());
  }
  auto any = joey::ParseJsonInput(text, {kHints, 1}, 1);
  if (any.ok()) FUZZ_EXPECT(any->batch->ValidateFull().ok());
  return 0;
}
