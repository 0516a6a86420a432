// The one place where an inference happens, whatever protocol asked for it.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "pipeline/pipeline.h"

namespace joey::engine {

class InferenceLog;

// What one inference took and gave, for metrics.
struct InferOutcome {
  std::int64_t rows = 0;
  std::uint64_t run_ns = 0;  // of all steps
};

// Runs `in` through the pipeline and puts the record into `log` (which may be null) before it
// returns: an inference that cannot be logged is refused. `time_ms` is the Unix time of the
// request, `parse_ns` what reading it took. Thread-safe; blocks for as long as the models run.
Result<InferenceRecord> RunInference(const Pipeline& pipeline, InferenceLog* log,
                                     std::shared_ptr<arrow::RecordBatch> in, std::int64_t time_ms,
                                     std::uint64_t parse_ns, InferOutcome& outcome);

}  // namespace joey::engine
