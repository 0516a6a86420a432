#include "control/frameworks.h"

#include <algorithm>

#include "base/suggest.h"
#include "control/names.h"

namespace joey::control {
namespace {

const FrameworkInfo kFrameworks[] = {
    {"onnx", "onnx", {}},
    {"tensorflow", "tensorflow", {}},
    {"python", "python", {}},
    {"keras", "", {"keras"}, true},
    {"sklearn", "", {"sklearn", "sklearn-1.2"}, true},
    {"pytorch", "", {"pytorch"}, true},
    {"xgboost", "", {"xgboost", "xgboost-1.7"}, true},
    {"hugging-face-feature-extraction", "", {}},
    {"hugging-face-image-classification", "", {}},
    {"hugging-face-image-segmentation", "", {}},
    {"hugging-face-image-to-text", "", {}},
    {"hugging-face-object-detection", "", {}},
    {"hugging-face-question-answering", "", {}},
    {"hugging-face-stable-diffusion-text-2-img", "", {}},
    {"hugging-face-summarization", "", {}},
    {"hugging-face-text-classification", "", {}},
    {"hugging-face-translation", "", {}},
    {"hugging-face-zero-shot-classification", "", {}},
    {"hugging-face-zero-shot-image-classification", "", {}},
    {"hugging-face-zero-shot-object-detection", "", {}},
    {"hugging-face-sentiment-analysis", "", {}},
    {"hugging-face-text-generation", "", {}},
    {"hugging-face-automatic-speech-recognition", "", {}},
    {"custom", "", {"custom"}},
    {"mlflow", "", {}},
};

bool Runs(const FrameworkInfo& framework) {
  return !framework.runtime.empty() || framework.in_workers();
}

std::string Running() {
  std::string out;
  for (const FrameworkInfo& framework : kFrameworks) {
    if (Runs(framework)) out += (out.empty() ? "'" : ", '") + std::string(framework.name) + "'";
  }
  return out;
}

}  // namespace

std::span<const FrameworkInfo> Frameworks() { return kFrameworks; }

Result<const FrameworkInfo*> FindFramework(std::string_view framework) {
  const auto found = std::ranges::find(kFrameworks, framework, &FrameworkInfo::name);
  if (found == std::end(kFrameworks)) {
    std::vector<std::string> names;
    for (const FrameworkInfo& known : kFrameworks) names.emplace_back(known.name);
    const std::string near = DidYouMean(framework, names);
    return InvalidArgument("there is no framework " + Quoted(framework),
                           near.empty() ? "use one of " + Running() : near);
  }
  if (Runs(*found)) return &*found;
  return Status(Code::kUnimplemented,
                "models of the framework '" + std::string(framework) +
                    "' are not supported yet, only those of " + Running() + " are",
                "convert the model to ONNX and upload it with framework 'onnx', or wrap it in a "
                "custom model (docs/models.md)");
}

}  // namespace joey::control
