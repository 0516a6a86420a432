// A check of a pipeline.
#include <arrow/array.h>
#include <arrow/builder.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "expect.h"
#include "expression/check.h"

namespace {

constexpr std::int64_t kRows = 3;

std::shared_ptr<arrow::Array> Floats() {
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::FloatBuilder>());
  auto& values = static_cast<arrow::FloatBuilder&>(*lists.value_builder());
  for (std::int64_t row = 0; row < kRows; ++row) {
    (void)lists.Append();
    for (std::int64_t i = 0; i <= row; ++i) (void)values.Append(static_cast<float>(i) - 0.5F);
  }
  return *lists.Finish();
}

std::shared_ptr<arrow::Array> Column(std::string_view name) {
  static const std::shared_ptr<arrow::Array> kFloats = Floats();
  if (name == "in.text") {
    arrow::StringBuilder builder;
    (void)builder.AppendValues({"a", "", "b"});
    return *builder.Finish();
  }
  if (name == "in.number") {
    arrow::Int64Builder builder;
    (void)builder.AppendValues({-1, 0, 9223372036854775807});
    return *builder.Finish();
  }
  return name == "in.missing" ? nullptr : kFloats;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto checks = joey::Check::Parse({reinterpret_cast<const char*>(data), size});
  if (!checks.ok()) {
    FUZZ_EXPECT(!checks.status().message().empty());
    return 0;
  }
  for (const joey::Check& check : *checks) {
    (void)check.CheckTypes({});
    auto verdict = check.Evaluate(Column, kRows);
    if (!verdict.ok()) continue;
    FUZZ_EXPECT((*verdict)->length() == kRows);
    FUZZ_EXPECT((*verdict)->null_count() == 0);
    FUZZ_EXPECT((*verdict)->ValidateFull().ok());
  }
  return 0;
}
