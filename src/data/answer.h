// The answer to an inference, written from its record: JSON records or an Arrow table.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/record.h"

namespace joey {

struct AnswerOptions {
  Dataset dataset = Dataset({}, {});
  // With a separator columns are flat, `in.tensor`; without, nested: {"in": {"tensor": …}}.
  std::string separator;
};

// An array of records. Keys in the order time, in, out, anomaly or check_failures, metadata.
// `cells` are the input's own texts (JsonRecords::cells), or empty to print the inputs anew.
// The texts are one document in pieces: with several threads a large one is written in two.
std::vector<std::string> WriteJsonAnswer(const InferenceRecord& record,
                                         std::span<const std::string_view> cells,
                                         const AnswerOptions& options, int threads);

// Columns in the same order. `time` is timestamp[ms], `anomaly.count` int8, `check_failures`
// list<utf8>, `metadata.elapsed` list<uint64>; the input and output columns are the record's own.
std::shared_ptr<arrow::RecordBatch> MakeAnswerTable(const InferenceRecord& record,
                                                    const AnswerOptions& options);

}  // namespace joey
