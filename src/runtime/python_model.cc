#include "runtime/python_model.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/suggest.h"
#include "data/arrow_ipc.h"
#include "data/plain_lists.h"
#include "data/schema_cache.h"
#include "runtime/python_runtime.h"
#include "runtime/worker_pool.h"

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

class PythonModel final : public TableModel {
 public:
  PythonModel(PythonModelOptions options, std::unique_ptr<WorkerPool> pool)
      : name_("Python step '" + options.name + "'"),
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
    if (!frame.ok()) return frame.status();
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
        name_ + ": the column '" + column + "' is missing: the step was configured for " +
            QuotedList(input_schema_->field_names()) + ", there are " + QuotedList(have),
        guess.empty() ? "rename the column, or configure the step with another input_schema"
                      : guess);
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

Result<std::unique_ptr<TableModel>> LoadPythonModel(PythonModelOptions options) {
  JOEY_ASSIGN_OR_RETURN(PythonRuntime runtime,
                        FindPythonRuntime(options.interpreter, options.worker_directory));
  JOEY_ASSIGN_OR_RETURN(std::string script,
                        ReadFile(options.script_path, limits::kPythonScriptBytesMax));
  std::string input;
  std::string output;
  if (options.input_schema != nullptr) {
    JOEY_ASSIGN_OR_RETURN(input, EncodeArrowSchema(*options.input_schema));
  }
  if (options.output_schema != nullptr) {
    JOEY_ASSIGN_OR_RETURN(options.output_schema, PlainSchema(options.output_schema));
    JOEY_ASSIGN_OR_RETURN(output, EncodeArrowSchema(*options.output_schema));
  }
  WorkerPoolOptions pool;
  pool.name = "Python step '" + options.name + "'";
  pool.processes = options.processes;
  // Isolated from the environment and the user's packages, and without writing byte code.
  pool.arguments = {runtime.interpreter, "-I", "-B", runtime.worker_directory, "step"};
  // One thread for each process: they are as many as requests run at a time.
  pool.environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "OMP_NUM_THREADS=1",
                      "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"};
  pool.environment.insert(pool.environment.end(), options.environment.begin(),
                          options.environment.end());
  pool.readable = PythonDirectories(runtime);
  pool.memory_bytes = options.memory_bytes;
  pool.timeout = options.timeout;
  pool.print = options.print;
  pool.start_first = nlohmann::json{
      {"name", options.name},
      {"script_bytes", script.size()},
      {"input_schema_bytes", input.size()},
      {"output_schema_bytes",
       output.size()}}.dump();
  pool.start_second = script + input + output;
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<WorkerPool> started, WorkerPool::Start(std::move(pool)));
  return std::unique_ptr<TableModel>(
      std::make_unique<PythonModel>(std::move(options), std::move(started)));
}

}  // namespace joey
