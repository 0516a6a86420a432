#include "engine/request_form.h"

#include "data/arrow_ipc.h"
#include "http/header_value.h"

namespace joey::engine {

namespace {

constexpr std::string_view kJsonType = "application/json";

// `application/json; format=pandas-records` as type and format.
struct MediaType {
  std::string_view type;
  std::string_view format;

  bool Is(std::string_view wanted) const { return http::EqualsIgnoreCase(type, wanted); }
  bool IsArrow() const { return Is(kArrowFileType) || Is(kArrowStreamType); }
  bool HasFormat(std::string_view wanted) const { return http::EqualsIgnoreCase(format, wanted); }
};

MediaType ParseMediaType(std::string_view text) {
  MediaType out{.type = http::NextPiece(text, ';'), .format = {}};
  while (!text.empty()) {
    std::string_view value = http::NextPiece(text, ';');
    std::string_view name = http::NextPiece(value, '=');
    if (!http::EqualsIgnoreCase(name, "format")) continue;
    value = http::Trimmed(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    out.format = value;
  }
  return out;
}

// Whether the query named datasets at all.
bool ReadOptions(const http::Request& request, AnswerOptions& options) {
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  bool any = false;
  for (http::QueryParameter& parameter : request.Query()) {
    if (!parameter.name.starts_with("dataset")) continue;
    any = true;
    if (parameter.name == "dataset[]" || parameter.name == "dataset") {
      include.push_back(std::move(parameter.value));
    } else if (parameter.name == "dataset.exclude[]" || parameter.name == "dataset.exclude") {
      exclude.push_back(std::move(parameter.value));
    } else if (parameter.name == "dataset.separator") {
      options.separator = std::move(parameter.value);
    }
  }
  // Asked for nothing in particular, a request gets the whole record with its metadata.
  options.dataset = include.empty() && exclude.empty()
                        ? Dataset::All()
                        : Dataset(std::move(include), std::move(exclude));
  return any;
}

// `otherwise`: what is given for JSON without a format of its own, and where nothing is asked for.
AnswerForm ReadAccept(std::string_view accept, AnswerForm otherwise) {
  bool json = false;
  while (!accept.empty()) {
    MediaType wanted = ParseMediaType(http::NextPiece(accept, ','));
    if (wanted.IsArrow()) return AnswerForm::kArrow;
    if (!wanted.Is(kJsonType)) continue;
    json = true;
    if (wanted.HasFormat("pandas-records")) return AnswerForm::kRecords;
    if (wanted.HasFormat("classic")) return AnswerForm::kClassic;
  }
  return json && otherwise == AnswerForm::kArrow ? AnswerForm::kRecords : otherwise;
}

}  // namespace

Result<RequestForm> ReadRequestForm(const http::Request& request) {
  RequestForm form;
  MediaType type = ParseMediaType(request.Header("content-type"));
  const bool datasets = ReadOptions(request, form.options);
  AnswerForm otherwise = AnswerForm::kRecords;
  if (type.IsArrow()) {
    form.input = InputForm::kArrow;
    otherwise = AnswerForm::kArrow;
  } else if (type.Is(kJsonType)) {
    if (!type.HasFormat("pandas-records")) {
      form.input = InputForm::kJson;
      if (!datasets) otherwise = AnswerForm::kClassic;
    }
  } else {
    return Status(
        Code::kUnsupportedMediaType,
        "Content-Type is '" + std::string(request.Header("content-type")) + "'",
        "send application/json; format=pandas-records, application/json with a dict of columns, or "
        "application/vnd.apache.arrow.file");
  }
  form.answer = ReadAccept(request.Header("accept"), otherwise);
  return form;
}

}  // namespace joey::engine
