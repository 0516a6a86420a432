#include "runtime/worker_model.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <utility>
#include <vector>

#include "base/suggest.h"
#include "data/arrow_ipc.h"
#include "data/plain_lists.h"
#include "data/schema_cache.h"

namespace joey {

namespace {

// The last schema that this thread sent; requests of one kind share the object.
Result<std::string_view> SchemaMessage(const std::shared_ptr<arrow::Schema>& schema) {
  thread_local std::shared_ptr<arrow::Schema> last;
  thread_local std::string message;
  if (schema != last) {
    JOEY_ASSIGN_OR_RETURN(message, EncodeArrowSchema(*schema));
    last = schema;
  }
  return std::string_view(message);
}

// Whether a worker should not get another request after this answer: without memory for one it
// has none for the next either.
bool OutOfMemory(const Frame& frame, const Status& error) {
  return frame.kind == FrameKind::kError && error.code() == Code::kResourceExhausted;
}

class WorkerModel final : public TableModel {
 public:
  WorkerModel(WorkerModelOptions options, std::unique_ptr<WorkerPool> pool)
      : name_(std::move(options.pool.name)),
        input_schema_(std::move(options.input_schema)),
        output_schema_(std::move(options.output_schema)),
        pool_(std::move(pool)) {}

  const std::shared_ptr<arrow::Schema>& input_schema() const override { return input_schema_; }
  const std::shared_ptr<arrow::Schema>& output_schema() const override { return output_schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Run(
      std::shared_ptr<arrow::RecordBatch> in) const override {
    if (input_schema_ != nullptr) {
      JOEY_ASSIGN_OR_RETURN(in, DeclaredColumns(*in));
    }
    JOEY_ASSIGN_OR_RETURN(std::string_view schema, SchemaMessage(in->schema()));
    JOEY_ASSIGN_OR_RETURN(std::vector<ArrowPart> parts, EncodeArrowBatch(*in));
    std::vector<std::string_view> body;
    body.reserve(parts.size());
    for (const ArrowPart& part : parts) body.push_back(part.bytes);
    Status error;
    auto frame = pool_->Call(FrameKind::kRun, schema, body, [&](const Frame& answer) {
      if (answer.kind == FrameKind::kError) error = WorkerError(answer, name_);
      return OutOfMemory(answer, error);
    });
    if (!frame.ok()) {
      // Which request it was: the one that ends a worker comes again, perhaps.
      return Status(frame.status().code(),
                    frame.status().message() + " (" + std::to_string(in->num_rows()) + " rows of " +
                        QuotedList(in->schema()->field_names()) + ")",
                    frame.status().hint());
    }
    if (!error.ok()) return error;
    return ReadResult(*frame, in->num_rows());
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> DeclaredColumns(const arrow::RecordBatch& in) const {
    arrow::ArrayVector columns;
    columns.reserve(static_cast<std::size_t>(input_schema_->num_fields()));
    for (const auto& field : input_schema_->fields()) {
      std::shared_ptr<arrow::Array> column = in.GetColumnByName(field->name());
      if (column == nullptr) return Missing(field->name(), in);
      columns.push_back(std::move(column));
    }
    thread_local SchemaCache schemas;
    auto schema = schemas.Get(columns, [&](std::size_t i) -> const std::string& {
      return input_schema_->field(static_cast<int>(i))->name();
    });
    return arrow::RecordBatch::Make(std::move(schema), in.num_rows(), std::move(columns));
  }

  Status Missing(const std::string& column, const arrow::RecordBatch& in) const {
    std::vector<std::string> have = in.schema()->field_names();
    std::string guess = DidYouMean(column, have);
    return InvalidArgument(
        name_ + ": the column '" + column + "' is missing: its input_schema is " +
            QuotedList(input_schema_->field_names()) + ", there are " + QuotedList(have),
        guess.empty() ? "rename the column, or configure it with another input_schema" : guess);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> ReadResult(const Frame& frame,
                                                         std::int64_t rows) const {
    constexpr std::size_t kAlignment = 8;
    std::string_view all(frame.first.data(), frame.first.size() + frame.second.size());
    auto decoded = frame.first.size() % kAlignment == 0
                       ? DecodeArrow(frame.owner, all)
                       : Result<std::shared_ptr<arrow::RecordBatch>>(
                             InvalidArgument("its parts are not aligned"));
    if (!decoded.ok()) return decoded.status().WithContext("the result of " + name_);
    std::shared_ptr<arrow::RecordBatch> batch = std::move(*decoded);
    if (batch->num_rows() != rows) {
      return InvalidArgument(name_ + " returned " + std::to_string(batch->num_rows()) +
                                 " rows for " + std::to_string(rows),
                             "return one row for each row of the data");
    }
    if (output_schema_ == nullptr) return batch;
    if (!batch->schema()->Equals(*output_schema_, false)) {
      return InvalidArgument(name_ + " returned the columns " + batch->schema()->ToString() +
                                 ", declared are " + output_schema_->ToString(),
                             "return what output_schema says");
    }
    return arrow::RecordBatch::Make(output_schema_, rows, batch->columns());
  }

  const std::string name_;
  const std::shared_ptr<arrow::Schema> input_schema_;
  const std::shared_ptr<arrow::Schema> output_schema_;
  const std::unique_ptr<WorkerPool> pool_;
};

// The declared form of an answer: fixed-size lists become lists, as in all data of an engine.
Result<std::shared_ptr<arrow::Schema>> PlainSchema(const std::shared_ptr<arrow::Schema>& schema) {
  auto empty = arrow::RecordBatch::MakeEmpty(schema);
  if (!empty.ok()) {
    return InvalidArgument("this output_schema cannot be used: " + empty.status().message(),
                           "use numbers, booleans, strings, or lists of these");
  }
  return WithPlainLists(*empty)->schema();
}

}  // namespace

std::vector<std::string> WorkerEnvironmentVariables() {
  return {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1",
          "MKL_NUM_THREADS=1"};
}

Result<WorkerStartPayload> StartPayload(nlohmann::json start, std::string_view script,
                                        const std::shared_ptr<arrow::Schema>& input,
                                        const std::shared_ptr<arrow::Schema>& output) {
  std::string schemas[2];
  if (input != nullptr) {
    JOEY_ASSIGN_OR_RETURN(schemas[0], EncodeArrowSchema(*input));
  }
  if (output != nullptr) {
    JOEY_ASSIGN_OR_RETURN(schemas[1], EncodeArrowSchema(*output));
  }
  start["script_bytes"] = script.size();
  start["input_schema_bytes"] = schemas[0].size();
  start["output_schema_bytes"] = schemas[1].size();
  return WorkerStartPayload{start.dump(), std::string(script) + schemas[0] + schemas[1]};
}

Result<std::unique_ptr<TableModel>> StartWorkerModel(WorkerModelOptions options,
                                                     WorkerStartPayload payload) {
  if (options.output_schema != nullptr) {
    JOEY_ASSIGN_OR_RETURN(options.output_schema, PlainSchema(options.output_schema));
  }
  WorkerPoolOptions pool = options.pool;
  pool.start_first = std::move(payload.first);
  pool.start_second = std::move(payload.second);
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<WorkerPool> started, WorkerPool::Start(std::move(pool)));
  return std::unique_ptr<TableModel>(
      std::make_unique<WorkerModel>(std::move(options), std::move(started)));
}

}  // namespace joey
