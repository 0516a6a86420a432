#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "runtime/worker_pool.h"

namespace joey {

namespace {

std::string Text(const nlohmann::json& document, const char* key) {
  auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

Code CodeOf(std::string_view kind) {
  if (kind == "memory") return Code::kResourceExhausted;
  // Everything else comes of the data or of what the user's code makes of it: no second try helps.
  return Code::kInvalidArgument;
}

}  // namespace

Status WorkerError(const Frame& frame, std::string_view name) {
  if (frame.first.size() <= limits::kWorkerErrorBytesMax) {
    // Refuses text that is not UTF-8, too.
    nlohmann::json document = nlohmann::json::parse(frame.first, nullptr, false);
    if (document.is_object() && !Text(document, "message").empty()) {
      return {CodeOf(Text(document, "kind")), std::string(name) + ": " + Text(document, "message"),
              Text(document, "hint")};
    }
  }
  return Internal(std::string(name) + " failed and did not say why", "see the engine's log");
}

}  // namespace joey
