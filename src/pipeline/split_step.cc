#include "pipeline/split_step.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "data/json_print.h"

namespace joey {

namespace {

constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53

double RandomUnit() {
  thread_local std::mt19937_64 generator(std::random_device{}());
  return static_cast<double>(generator() >> 11) * kUnit;
}

// The text of a key cell: of a text itself, otherwise as JSON writes it; of a list with one element
// that element, as many clients send everything in lists.
std::string KeyText(const arrow::ArrayData& column, std::int64_t row) {
  std::string text;
  AppendJsonValue(text, column, row);
  if (text.size() >= 2 && text.front() == '[' && text.find(',') == std::string::npos) {
    text = text.substr(1, text.size() - 2);
  }
  if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

Result<std::shared_ptr<arrow::RecordBatch>> Rows(const std::shared_ptr<arrow::RecordBatch>& batch,
                                                 const std::shared_ptr<arrow::Array>& indices) {
  auto taken = arrow::compute::Take(arrow::Datum(batch), arrow::Datum(indices),
                                    arrow::compute::TakeOptions::NoBoundsCheck());
  if (!taken.ok()) return Internal("cannot divide a request: " + taken.status().ToString());
  return taken->record_batch();
}

// The document of one model in `_model_split`, as text (guide L7471).
std::string SplitText(const ModelReference& model) {
  return nlohmann::ordered_json{
      {"name", model.name}, {"version", model.version}, {"sha", model.sha}}
      .dump();
}

std::shared_ptr<arrow::Array> Indices(std::vector<std::uint32_t> rows) {
  auto count = static_cast<std::int64_t>(rows.size());
  return std::make_shared<arrow::UInt32Array>(count, arrow::Buffer::FromVector(std::move(rows)));
}

}  // namespace

double UnitHash(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, then the finalizer of SplitMix64
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  hash ^= hash >> 31;
  return static_cast<double>(hash >> 11) * kUnit;
}

SplitStep::SplitStep(const PlanNode& node, std::vector<ModelRunner> models)
    : models_(std::move(models)), key_(node.key), routes_(node.routes) {
  for (const ModelRunner& model : models_) texts_.push_back(SplitText(model.reference()));
  double sum = std::accumulate(node.weights.begin(), node.weights.end(), 0.0);
  double end = 0;
  for (const double weight : node.weights) ends_.push_back((end += weight) / sum);
}

std::size_t SplitStep::AtWeight(double unit) const {
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), unit);
  if (end != ends_.end()) return static_cast<std::size_t>(end - ends_.begin());
  // Rounding left the last end a little below 1: the last model that has a weight.
  return static_cast<std::size_t>(std::lower_bound(ends_.begin(), ends_.end(), ends_.back()) -
                                  ends_.begin());
}

std::size_t SplitStep::RouteOf(std::string_view key) const {
  if (!ends_.empty()) return AtWeight(UnitHash(key));
  const auto found = std::find(routes_.begin(), routes_.end(), key);
  return found == routes_.end() ? 0 : static_cast<std::size_t>(found - routes_.begin()) + 1;
}

Choice SplitStep::Choose(const arrow::RecordBatch& previous,
                         const arrow::RecordBatch& request) const {
  Choice choice;
  std::shared_ptr<arrow::Array> column;
  if (!key_.empty()) column = FindColumn(request, key_);
  if (column == nullptr && !key_.empty()) column = FindColumn(previous, key_);
  if (column == nullptr) {
    choice.model = ends_.empty() ? 0 : AtWeight(RandomUnit());
    return choice;
  }
  const std::int64_t rows = column->length();
  choice.model = rows == 0 ? 0 : RouteOf(KeyText(*column->data(), 0));
  for (std::int64_t row = 1; row < rows; ++row) {
    const std::size_t route = RouteOf(KeyText(*column->data(), row));
    if (choice.by_row.empty()) {
      if (route == choice.model) continue;
      choice.by_row.assign(static_cast<std::size_t>(row), static_cast<std::uint32_t>(choice.model));
      choice.by_row.reserve(static_cast<std::size_t>(rows));
    }
    choice.by_row.push_back(static_cast<std::uint32_t>(route));
  }
  return choice;
}

Result<StepResult> SplitStep::Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                                  const std::shared_ptr<arrow::RecordBatch>& request) const {
  Choice choice = Choose(*previous, *request);
  if (!choice.by_row.empty()) return RunByRow(std::move(choice), previous, request);
  StepResult result;
  JOEY_ASSIGN_OR_RETURN(result.out, models_[choice.model].Run(previous, *request));
  result.choice = std::move(choice);
  return result;
}

Result<StepResult> SplitStep::RunByRow(Choice choice,
                                       const std::shared_ptr<arrow::RecordBatch>& previous,
                                       const std::shared_ptr<arrow::RecordBatch>& request) const {
  std::vector<std::vector<std::uint32_t>> rows_of(models_.size());
  for (std::size_t row = 0; row < choice.by_row.size(); ++row) {
    rows_of[choice.by_row[row]].push_back(static_cast<std::uint32_t>(row));
  }
  std::vector<std::shared_ptr<arrow::RecordBatch>> parts;
  std::vector<std::uint32_t> place_of(choice.by_row.size());  // of a row in the joined parts
  std::uint32_t place = 0;
  const std::string* first = nullptr;
  for (std::size_t model = 0; model < models_.size(); ++model) {
    if (rows_of[model].empty()) continue;
    for (const std::uint32_t row : rows_of[model]) place_of[row] = place++;
    const auto indices = Indices(std::move(rows_of[model]));
    JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> given, Rows(previous, indices));
    std::shared_ptr<arrow::RecordBatch> sent = given;
    if (request != previous) {
      JOEY_ASSIGN_OR_RETURN(sent, Rows(request, indices));
    }
    JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> part,
                          models_[model].Run(given, *sent));
    const std::string& name = models_[model].reference().name;
    if (!parts.empty() && !part->schema()->Equals(*parts.front()->schema(), false)) {
      return InvalidArgument("rows of this request met the models '" + *first + "' and '" + name +
                                 "', whose outputs differ",
                             "send rows with different values of '" + key_ +
                                 "' in separate requests, or give the models the same outputs");
    }
    if (parts.empty()) first = &name;
    parts.push_back(std::move(part));
  }
  arrow::ArrayVector columns;
  for (int i = 0; i < parts.front()->num_columns(); ++i) {
    arrow::ArrayVector pieces;
    for (const auto& part : parts) pieces.push_back(part->column(i));
    auto joined = arrow::Concatenate(pieces);
    if (!joined.ok()) return Internal("cannot join a request: " + joined.status().ToString());
    columns.push_back(std::move(*joined));
  }
  StepResult result;
  const auto joined = arrow::RecordBatch::Make(
      parts.front()->schema(), static_cast<std::int64_t>(choice.by_row.size()), columns);
  JOEY_ASSIGN_OR_RETURN(result.out, Rows(joined, Indices(std::move(place_of))));
  result.choice = std::move(choice);
  return result;
}

}  // namespace joey
