// One column of JSON input while it is read: values in one flat vector, list levels as offsets.
#pragma once

#include <arrow/array.h>
#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/json_records.h"

namespace joey {

// Errors (kInvalidArgument) name row and column.
class JsonColumn {
 public:
  JsonColumn(std::string name, JsonKind kind) : name_(std::move(name)), kind_(kind) {}

  const std::string& name() const { return name_; }
  std::size_t rows() const { return rows_; }

  // Adds one cell; `end` becomes the place behind it where that is known.
  Status AddRow(simdjson::ondemand::value value, const char*& end);

  // Room for `rows` in all, each like the first one.
  void Reserve(std::size_t rows);

  // double, int64, uint64, bool or utf8, plain or in list<item>s, without nulls.
  std::shared_ptr<arrow::Array> Finish();

 private:
  Status Problem(std::string what, std::string hint) const;
  Status Malformed() const;
  Status BadNumber() const;
  Status Wrong(simdjson::ondemand::json_type found) const;
  Status Unequal() const;
  Status Add(simdjson::ondemand::value value, std::size_t depth);
  Status AddLeaf(simdjson::ondemand::value value, simdjson::ondemand::json_type type);
  Status Guess(simdjson::ondemand::value value, simdjson::ondemand::json_type type);
  Status AddInteger(simdjson::ondemand::value value, simdjson::ondemand::json_type type);
  std::shared_ptr<arrow::Array> FinishLeaves();

  std::string name_;
  JsonKind kind_;
  bool guessed_ = false;
  bool shape_known_ = false;
  std::size_t rows_ = 0;
  std::vector<std::vector<std::int32_t>> levels_;
  std::vector<double> doubles_;
  std::vector<std::int64_t> integers_;
  std::vector<std::uint64_t> unsigned_;
  std::vector<std::uint8_t> bits_;
  std::size_t bool_count_ = 0;
  std::string characters_;
  std::vector<std::int32_t> string_ends_{0};
};

}  // namespace joey
