// The record of one inference request: the same buffers make the answer and the log row.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace joey {

// How checks are shown (WIRE.md §0.2): `anomaly.count` (2023.4.1 and later) or `check_failures`
// (2023.4.0).
enum class CheckColumn { kAnomaly, kCheckFailures };

// A model that rows may have met.
struct ServedModel {
  std::string name;
  std::string version;  // UUID
  std::string sha;
};

// What all requests of one loaded pipeline version share. Immutable.
struct RecordContext {
  std::string topic;  // log topic of the pipeline
  std::string pipeline_name;
  std::string pipeline_version;     // UUID
  std::string partition;            // name of this engine, or of the edge
  std::string last_model;           // JSON text {"model_name","model_sha"} of the last step
  std::vector<ServedModel> models;  // all of the deployment
  CheckColumn check_column = CheckColumn::kAnomaly;
  // Full names of challengers' outputs, `out_<model>.<field>`, as far as they are declared. One
  // that a record's `extra` lacks (it was late, or failed) is null in the answer.
  std::vector<std::string> shadow_columns;
};

// One request: `rows` rows in `in` and in `out`, both without the "in." and "out." prefixes and
// without nulls. Schemas are shared between requests: the same shape gives the same
// std::shared_ptr<arrow::Schema> nearly always, so pointer equality is a good cache key.
struct InferenceRecord {
  std::shared_ptr<const RecordContext> context;
  std::int64_t time_ms = 0;  // Unix time of the request
  std::int64_t rows = 0;
  std::shared_ptr<arrow::RecordBatch> in;
  std::shared_ptr<arrow::RecordBatch> out;
  std::vector<std::uint64_t> elapsed_ns;  // parsing, then each step
  // Columns that only some pipelines have, by their full names; null when there are none:
  // `out_<model>.<field>` of shadows, `anomaly.count` (uint32) with a bool `anomaly.<name>` for
  // each check, or `check_failures` (list of texts), and `metadata.last_model` where rows met
  // different models. They take the place of what would stand there by default. Without nulls too.
  std::shared_ptr<arrow::RecordBatch> extra;
};

}  // namespace joey
