// Evaluates validations for tests/test_expressions.py.
// usage: joey_expression_eval TABLE.arrow CHECKS.json OUT.json
// CHECKS.json is a list of {"text": …}; OUT.json gets for each {"error": …} or {"values": …}, the
// values one a row, numbers that are not finite as text.
#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "expression/check.h"

namespace {

nlohmann::json Real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

nlohmann::json ValueAt(const arrow::Array& array, std::int64_t row) {
  if (array.IsNull(row)) return nullptr;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case arrow::Type::FLOAT:
      return Real(static_cast<const arrow::FloatArray&>(array).Value(row));
    case arrow::Type::DOUBLE:
      return Real(static_cast<const arrow::DoubleArray&>(array).Value(row));
    case arrow::Type::STRING:
      return static_cast<const arrow::StringArray&>(array).GetString(row);
    case arrow::Type::UINT64:
      return static_cast<const arrow::UInt64Array&>(array).Value(row);
    default:
      return std::stoll((*array.GetScalar(row))->ToString());
  }
}

nlohmann::json Evaluated(const std::string& text, const arrow::RecordBatch& batch) {
  auto checks = joey::Check::Parse(text);
  if (!checks.ok()) return {{"error", checks.status().ToString()}, {"parsed", false}};
  const joey::Check& check = checks->front();
  joey::ColumnLookup columns = [&](std::string_view name) {
    return batch.GetColumnByName(std::string(name));
  };
  auto values = check.Values(columns, batch.num_rows());
  if (!values.ok()) return {{"error", values.status().ToString()}, {"parsed", true}};
  nlohmann::json out = nlohmann::json::array();
  for (std::int64_t row = 0; row < batch.num_rows(); ++row) out.push_back(ValueAt(**values, row));
  return {{"values", out}, {"type", (*values)->type()->ToString()}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto file = arrow::io::ReadableFile::Open(argv[1]);
  if (!file.ok()) return 1;
  auto reader = arrow::ipc::RecordBatchFileReader::Open(*file);
  if (!reader.ok()) return 1;
  auto batch = (*reader)->ReadRecordBatch(0);
  if (!batch.ok()) return 1;
  nlohmann::json checks = nlohmann::json::parse(std::ifstream(argv[2]), nullptr, false);
  nlohmann::json out = nlohmann::json::array();
  for (const nlohmann::json& check : checks) {
    out.push_back(Evaluated(check["text"].get<std::string>(), **batch));
  }
  std::ofstream(argv[3]) << out;
  return 0;
}
