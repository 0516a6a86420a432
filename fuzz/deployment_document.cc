// The document that an engine is started with, and the definition inside it.
#include <cstdint>
#include <string_view>

#include "expect.h"
#include "pipeline/deployment_document.h"
#include "pipeline/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto document = joey::ParseDeploymentDocument({reinterpret_cast<const char*>(data), size});
  if (!document.ok()) {
    FUZZ_EXPECT(!document.status().message().empty());
    return 0;
  }
  auto plan = joey::MakePlan(document->definition);
  if (plan.ok()) FUZZ_EXPECT(!plan->nodes.empty());
  return 0;
}
