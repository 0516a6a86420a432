// Inference requests of the Open Inference Protocol as JSON, with binary tensors behind.
#include <arrow/record_batch.h>

#include <cstdint>
#include <string_view>

#include "engine/oip_codec.h"
#include "engine/oip_json.h"
#include "expect.h"
#include "http/body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const joey::http::Body body(bytes);
  // Binary data begins behind the first line break, where there is one.
  const std::size_t line = bytes.find('\n');
  auto request =
      joey::engine::ParseOipJson(body, line == std::string_view::npos ? size : line);
  if (!request.ok()) {
    FUZZ_EXPECT(!request.status().message().empty());
    return 0;
  }
  auto batch = joey::engine::OipToBatch(std::move(request->request.inputs));
  if (!batch.ok()) return 0;
  FUZZ_EXPECT((*batch)->ValidateFull().ok());
  for (int i = 0; i < (*batch)->num_columns(); ++i) {
    auto column = joey::engine::OipFromColumn((*batch)->column_name(i), *(*batch)->column(i));
    FUZZ_EXPECT(column.ok());
    std::string text;
    joey::engine::AppendOipJson(text, *column);
    FUZZ_EXPECT(!text.empty());
  }
  return 0;
}
