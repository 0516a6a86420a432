#include "data/classic_answer.h"

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "data/json_print.h"

namespace joey {

namespace {

constexpr std::string_view kShadowPrefix = "out_";
constexpr std::string_view kCheckPrefix = "anomaly.";
constexpr std::string_view kCheckCount = "anomaly.count";

// A range of a column's innermost values and the dimensions that lists gave it.
struct Flat {
  const arrow::ArrayData* values;
  std::int64_t begin;
  std::int64_t end;
  std::vector<std::int64_t> dims;
};

template <typename Offset>
bool EnterLists(Flat& flat) {
  const arrow::ArrayData& lists = *flat.values;
  flat.values = lists.child_data[0].get();
  if (flat.begin == flat.end) {  // an array without lists need not have offsets
    flat.dims.push_back(0);
    flat.begin = flat.end = 0;
    return true;
  }
  const Offset* offsets = lists.GetValues<Offset>(1);
  std::int64_t width = offsets[flat.begin + 1] - offsets[flat.begin];
  for (std::int64_t i = flat.begin; i < flat.end; ++i) {
    if (offsets[i + 1] - offsets[i] != width) return false;
  }
  flat.dims.push_back(width);
  flat.begin = offsets[flat.begin];
  flat.end = offsets[flat.end];
  return true;
}

// Down to the values; false where lists of one level differ in length.
bool Flatten(Flat& flat) {
  for (;;) {
    switch (flat.values->type->id()) {
      case arrow::Type::LIST:
        if (!EnterLists<std::int32_t>(flat)) return false;
        break;
      case arrow::Type::LARGE_LIST:
        if (!EnterLists<std::int64_t>(flat)) return false;
        break;
      case arrow::Type::FIXED_SIZE_LIST: {
        std::int64_t width =
            static_cast<const arrow::FixedSizeListType&>(*flat.values->type).list_size();
        flat.dims.push_back(width);
        flat.begin = (flat.values->offset + flat.begin) * width;
        flat.end = (flat.values->offset + flat.end) * width;
        flat.values = flat.values->child_data[0].get();
        break;
      }
      default:
        return true;
    }
  }
}

// Empty for types that a tensor cannot have.
std::string_view TypeName(arrow::Type::type type) {
  switch (type) {
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return "Float";
    case arrow::Type::DOUBLE:
      return "Double";
    case arrow::Type::INT8:
      return "Int8";
    case arrow::Type::INT16:
      return "Int16";
    case arrow::Type::INT32:
      return "Int32";
    case arrow::Type::INT64:
      return "Int64";
    case arrow::Type::UINT8:
      return "Uint8";
    case arrow::Type::UINT16:
      return "Uint16";
    case arrow::Type::UINT32:
      return "Uint32";
    case arrow::Type::UINT64:
      return "Uint64";
    case arrow::Type::BOOL:
      return "Bool";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "String";
    default:
      return {};
  }
}

void AppendValue(std::string& out, const arrow::ArrayData& values, std::int64_t index) {
  if (values.type->id() == arrow::Type::FLOAT) {
    AppendJsonFloat(out, static_cast<double>(values.GetValues<float>(1)[index]));
  } else if (values.type->id() == arrow::Type::HALF_FLOAT) {
    auto half = arrow::util::Float16::FromBits(values.GetValues<std::uint16_t>(1)[index]);
    AppendJsonFloat(out, half.ToDouble());
  } else {
    AppendJsonValue(out, values, index);
  }
}

// `{"Float":{"data":[…],"dim":[…],"v":1}}`
void AppendOutput(std::string& out, const arrow::ArrayData& column) {
  const Flat rows{&column, 0, column.length, {column.length}};
  Flat flat = rows;
  std::string_view type = Flatten(flat) ? TypeName(flat.values->type->id()) : "";
  if (type.empty()) {
    flat = rows;
    type = "Json";
  }
  out += "{\"";
  out += type;
  out += "\":{\"data\":[";
  for (std::int64_t i = flat.begin; i < flat.end; ++i) {
    if (i > flat.begin) out += ',';
    AppendValue(out, *flat.values, i);
  }
  out += "],\"dim\":[";
  for (std::size_t i = 0; i < flat.dims.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(out, flat.dims[i]);
  }
  out += "],\"v\":1}}";
}

// The columns of `extra` of one document, looked through once.
class Document {
 public:
  Document(const InferenceRecord& record, std::int64_t begin, std::int64_t rows)
      : context_(*record.context), out_(record.out->Slice(begin, rows)) {
    if (record.extra != nullptr) extra_ = record.extra->Slice(begin, rows);
  }

  // The expressions that were false for a row, each once.
  void AppendCheckFailures(std::string& out) const {
    std::vector<std::string> failed;
    for (int i = 0; extra_ != nullptr && i < extra_->num_columns(); ++i) {
      const std::string& name = extra_->column_name(i);
      const arrow::Array& column = *extra_->column(i);
      if (name == "check_failures" && column.type_id() == arrow::Type::LIST) {
        const auto& lists = static_cast<const arrow::ListArray&>(column);
        if (lists.value_type()->id() != arrow::Type::STRING) continue;
        const auto& texts = static_cast<const arrow::StringArray&>(*lists.values());
        for (std::int64_t at = lists.value_offset(0); at < lists.value_offset(lists.length()); ++at)
          AddOnce(failed, texts.GetView(at));
      } else if (name.starts_with(kCheckPrefix) && name != kCheckCount &&
                 column.type_id() == arrow::Type::BOOL) {
        if (static_cast<const arrow::BooleanArray&>(column).true_count() > 0)
          AddOnce(failed, std::string_view(name).substr(kCheckPrefix.size()));
      }
    }
    out += '[';
    for (std::size_t i = 0; i < failed.size(); ++i) {
      out += i > 0 ? ",{\"False\":{\"expr\":" : "{\"False\":{\"expr\":";
      AppendJsonString(out, failed[i]);
      out += "}}";
    }
    out += ']';
  }

  void AppendModel(std::string& out, std::string_view last_model) const {
    nlohmann::json model = nlohmann::json::parse(last_model, nullptr, false);
    std::string name = model.is_object() ? model.value("model_name", "") : "";
    std::string sha = model.is_object() ? model.value("model_sha", "") : "";
    std::string_view version;
    for (const ServedModel& served : context_.models) {
      if (served.name == name && served.sha == sha) version = served.version;
    }
    out += "\"model_name\":";
    AppendJsonString(out, name);
    out += ",\"model_version\":";
    AppendJsonString(out, version);
  }

  void AppendOutputs(std::string& out) const {
    out += '[';
    bool first = true;
    for (int i = 0; i < out_->num_columns(); ++i) {
      if (out_->column_name(i) == "_model_split") continue;  // model_name says it
      if (!std::exchange(first, false)) out += ',';
      AppendOutput(out, *out_->column_data(i));
    }
    out += ']';
  }

  // Columns `out_<model>.<field>`; model names have no point, and a model's columns are adjacent.
  void AppendShadows(std::string& out) const {
    out += '{';
    std::string_view open;
    for (int i = 0; extra_ != nullptr && i < extra_->num_columns(); ++i) {
      std::string_view name = extra_->column_name(i);
      if (!name.starts_with(kShadowPrefix)) continue;
      std::string_view model = name.substr(kShadowPrefix.size());
      model = model.substr(0, model.find('.'));
      if (model == open) {
        out += ',';
      } else {
        if (!open.empty()) out += "],";
        AppendJsonString(out, model);
        out += ":[";
        open = model;
      }
      AppendOutput(out, *extra_->column_data(i));
    }
    out += open.empty() ? "}" : "]}";
  }

 private:
  static void AddOnce(std::vector<std::string>& texts, std::string_view text) {
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.emplace_back(text);
  }

  const RecordContext& context_;
  std::shared_ptr<arrow::RecordBatch> out_;
  std::shared_ptr<arrow::RecordBatch> extra_;
};

std::string ElapsedText(const InferenceRecord& record, bool as_sum) {
  const auto& parts = record.elapsed_ns;
  if (as_sum) return std::to_string(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}));
  std::string out = "[";
  for (std::uint64_t part : parts) out += (out.size() > 1 ? "," : "") + std::to_string(part);
  return out + "]";
}

struct Run {
  std::int64_t begin;
  std::int64_t rows;
  std::string_view last_model;
};

std::vector<Run> RunsOf(const InferenceRecord& record) {
  const auto column =
      record.extra == nullptr ? nullptr : record.extra->GetColumnByName("metadata.last_model");
  if (column == nullptr || column->type_id() != arrow::Type::STRING || record.rows == 0)
    return {{0, record.rows, record.context->last_model}};
  const auto& texts = static_cast<const arrow::StringArray&>(*column);
  std::vector<Run> runs{{0, 1, texts.GetView(0)}};
  for (std::int64_t row = 1; row < record.rows; ++row) {
    std::string_view text = texts.GetView(row);
    if (text == runs.back().last_model) {
      ++runs.back().rows;
    } else {
      runs.push_back({row, 1, text});
    }
  }
  return runs;
}

}  // namespace

std::string WriteClassicAnswer(const InferenceRecord& record, const ClassicOptions& options) {
  const std::vector<Run> runs = RunsOf(record);
  const std::string elapsed = ElapsedText(record, options.elapsed_as_sum);
  std::string out;
  for (const Run& run : runs) {
    Document document(record, run.begin, run.rows);
    out += out.empty() ? "[{\"check_failures\":" : ",{\"check_failures\":";
    document.AppendCheckFailures(out);
    out += ",\"elapsed\":" + elapsed + ',';
    document.AppendModel(out, run.last_model);
    out += ",\"original_data\":";
    // With several documents none of them has it all.
    out += options.original_data.empty() || runs.size() > 1 ? "null" : options.original_data;
    out += ",\"outputs\":";
    document.AppendOutputs(out);
    out += ",\"pipeline_name\":";
    AppendJsonString(out, record.context->pipeline_name);
    out += ",\"shadow_data\":";
    document.AppendShadows(out);
    out += ",\"time\":";
    AppendJsonInteger(out, record.time_ms);
    out += '}';
  }
  return out + ']';
}

}  // namespace joey
