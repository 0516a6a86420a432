#include "engine/inference.h"

#include "engine/inference_log.h"

namespace joey::engine {

Result<InferenceRecord> RunInference(const Pipeline& pipeline, InferenceLog* log,
                                     std::shared_ptr<arrow::RecordBatch> in, std::int64_t time_ms,
                                     std::uint64_t parse_ns, InferOutcome& outcome) {
  Result<InferenceRecord> record = pipeline.Execute(std::move(in), time_ms, parse_ns);
  if (!record.ok()) return record;
  if (log != nullptr) JOEY_RETURN_IF_ERROR(log->Append(*record));
  outcome.rows = record->rows;
  for (std::size_t i = 1; i < record->elapsed_ns.size(); ++i)
    outcome.run_ns += record->elapsed_ns[i];
  return record;
}

}  // namespace joey::engine
