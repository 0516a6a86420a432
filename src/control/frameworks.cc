#include "control/frameworks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/suggest.h"
#include "control/names.h"

namespace joey::control {
namespace {

constexpr std::string_view kFrameworks[] = {
    "onnx",
    "tensorflow",
    "python",
    "keras",
    "sklearn",
    "pytorch",
    "xgboost",
    "hugging-face-feature-extraction",
    "hugging-face-image-classification",
    "hugging-face-image-segmentation",
    "hugging-face-image-to-text",
    "hugging-face-object-detection",
    "hugging-face-question-answering",
    "hugging-face-stable-diffusion-text-2-img",
    "hugging-face-summarization",
    "hugging-face-text-classification",
    "hugging-face-translation",
    "hugging-face-zero-shot-classification",
    "hugging-face-zero-shot-image-classification",
    "hugging-face-zero-shot-object-detection",
    "hugging-face-sentiment-analysis",
    "hugging-face-text-generation",
    "custom",
    "mlflow",
};

std::string_view ConversionHint(std::string_view framework) {
  if (framework == "sklearn" || framework == "xgboost") {
    return "convert the model to ONNX with skl2onnx or onnxmltools and upload it with framework "
           "'onnx'";
  }
  if (framework == "pytorch") {
    return "convert the model to ONNX with torch.onnx.export and upload it with framework 'onnx'";
  }
  if (framework == "keras") {
    return "save the model with model.export(folder), zip the folder and upload that with "
           "framework "
           "'tensorflow'";
  }
  return "convert the model to ONNX and upload it with framework 'onnx'";
}

}  // namespace

std::span<const std::string_view> Frameworks() { return kFrameworks; }

std::string_view RuntimeOf(std::string_view framework) {
  return framework == "tensorflow" || framework == "python" ? framework : "onnx";
}

Status CheckFramework(std::string_view framework) {
  if (framework == "onnx" || framework == "tensorflow" || framework == "python") return {};
  if (std::find(std::begin(kFrameworks), std::end(kFrameworks), framework) !=
      std::end(kFrameworks)) {
    return {Code::kUnimplemented,
            "models of the framework '" + std::string(framework) +
                "' are not supported yet, only 'onnx', 'tensorflow' and 'python' are",
            std::string(ConversionHint(framework))};
  }
  const std::string near = DidYouMean(
      framework, std::vector<std::string>(std::begin(kFrameworks), std::end(kFrameworks)));
  return InvalidArgument("there is no framework " + Quoted(framework),
                         near.empty() ? "use 'onnx', 'tensorflow' or 'python'" : near);
}

}  // namespace joey::control
