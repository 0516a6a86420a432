// The checks of a pipeline (add_validations, add_validation) on the columns of one request.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/record.h"
#include "expression/check.h"
#include "pipeline/extra_columns.h"
#include "pipeline/step.h"

namespace joey {

// What one step took and gave; legacy checks name a model and count its columns.
struct StepColumns {
  const ModelRunner* model;
  std::shared_ptr<arrow::RecordBatch> previous;
  std::shared_ptr<arrow::RecordBatch> out;
};

struct CheckedColumns {
  std::shared_ptr<arrow::RecordBatch> in;
  std::shared_ptr<arrow::RecordBatch> out;  // of the last step
  const ExtraColumns* extra;                // challengers' outputs
  const std::vector<StepColumns>* steps;    // empty unless needs_steps()
};

// Immutable after Make().
class CheckRunner {
 public:
  // `texts` are those of the Check steps, in order; the last of one name counts. `last` is the
  // pipeline's last step, whose columns must be there and fit. Null without checks.
  static Result<std::unique_ptr<CheckRunner>> Make(const std::vector<std::string>& texts,
                                                   const StepFields& last, CheckColumn column);

  // The columns it adds.
  std::vector<std::string> column_names() const;

  bool needs_steps() const { return !legacy_.empty(); }

  // Adds `anomaly.count` and `anomaly.<name>`, or `check_failures`. kInvalidArgument: a check
  // cannot be evaluated on this request's columns.
  Status Run(const CheckedColumns& columns, ExtraColumns& extra) const;

 private:
  CheckRunner() = default;
  Result<std::shared_ptr<arrow::BooleanArray>> Evaluate(const Check& check,
                                                        const CheckedColumns& columns,
                                                        std::int64_t rows) const;

  std::vector<Check> anomalies_;            // by name
  std::vector<std::string> anomaly_names_;  // "anomaly.<name>", in the order of anomalies_
  std::vector<Check> legacy_;               // in the order they were added
  bool check_failures_ = false;
};

}  // namespace joey
