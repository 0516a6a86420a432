// Request bodies in Arrow.
#include <arrow/record_batch.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "data/arrow_ipc.h"
#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As the server has it: aligned, with room behind.
  std::shared_ptr<char> body(static_cast<char*>(std::aligned_alloc(64, (size + 127) / 64 * 64)),
                             std::free);
  std::memcpy(body.get(), data, size);
  auto batch = joey::DecodeArrow(body, {body.get(), size});
  if (!batch.ok()) return 0;
  FUZZ_EXPECT((*batch)->ValidateFull().ok());
  auto parts = joey::EncodeArrowFile(**batch);
  if (!parts.ok()) return 0;
  auto bytes = std::make_shared<std::string>();
  for (const joey::ArrowPart& part : *parts) *bytes += part.bytes;
  auto again = joey::DecodeArrow(bytes, *bytes);
  FUZZ_EXPECT(again.ok());
  FUZZ_EXPECT((*again)->num_rows() == (*batch)->num_rows());
  return 0;
}
