#include "engine/inference_log.h"
namespace joey::engine {
class N : public InferenceLog {
  Status Append(const InferenceRecord&) override { return {}; }
  bool Flush(std::chrono::milliseconds) override { return true; }
};
Result<std::unique_ptr<InferenceLog>> InferenceLog::Make(InferenceLogOptions) {
  return std::unique_ptr<InferenceLog>(new N);
}
}  // namespace joey::engine
