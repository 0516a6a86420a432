#include "engine/flight_port.h"

#include <arrow/array/util.h>
#include <arrow/type.h>
#include <arrow/util/align_util.h>
#include <arrow/util/byte_size.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/clock.h"
#include "base/limits.h"
#include "base/plugin.h"
#include "data/answer.h"
#include "data/arrow_ipc.h"
#include "engine/flight_command.h"
#include "engine/flight_plugin.h"

namespace joey::engine {

namespace {

// Streams and batches under way, and whether there may be more.
class Gate {
 public:
  Status EnterStream() {
    std::lock_guard lock(mutex_);
    if (draining_) return Draining();
    if (streams_ == limits::kFlightStreamsMax) {
      return Unavailable("the engine has " + std::to_string(streams_) + " Flight streams open",
                         "end some of them, or deploy more replicas");
    }
    ++streams_;
    return {};
  }
  void LeaveStream() {
    std::lock_guard lock(mutex_);
    --streams_;
  }
  Status EnterBatch() {
    std::lock_guard lock(mutex_);
    if (draining_) return Draining();
    ++batches_;
    return {};
  }
  void LeaveBatch() {
    std::lock_guard lock(mutex_);
    if (--batches_ == 0) idle_.notify_all();
  }
  void Close() {
    std::lock_guard lock(mutex_);
    draining_ = true;
  }
  void AwaitIdle(std::chrono::seconds most) {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, most, [this] { return batches_ == 0; });
  }

 private:
  static Status Draining() {
    return Unavailable("the engine is stopping", "open a new stream to another replica");
  }

  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t streams_ = 0;
  int batches_ = 0;
  bool draining_ = false;
};

class BatchUnderWay {
 public:
  explicit BatchUnderWay(Gate& gate) : gate_(gate) {}
  ~BatchUnderWay() { gate_.LeaveBatch(); }
  BatchUnderWay(const BatchUnderWay&) = delete;

 private:
  Gate& gate_;
};

// Answers of one stream have one schema, that of the first. A shadow may be late: its columns are
// then null; and were they missing in the first answer, they stay away.
class StreamSchema {
 public:
  Result<std::shared_ptr<arrow::RecordBatch>> Fit(std::shared_ptr<arrow::RecordBatch> answer) {
    if (schema_ == nullptr) {
      arrow::FieldVector fields = answer->schema()->fields();
      for (auto& field : fields) {
        if (IsShadow(*field)) field = field->WithNullable(true);
      }
      schema_ = arrow::schema(std::move(fields));
    }
    arrow::ArrayVector columns;
    int used = 0;
    for (const auto& field : schema_->fields()) {
      auto column = answer->GetColumnByName(field->name());
      if (column == nullptr && IsShadow(*field)) {
        auto nulls = arrow::MakeArrayOfNull(field->type(), answer->num_rows());
        if (!nulls.ok()) return Internal(nulls.status().ToString());
        column = std::move(*nulls);
      } else if (column == nullptr || !column->type()->Equals(*field->type())) {
        return Changed(field->name());
      } else {
        ++used;
      }
      columns.push_back(std::move(column));
    }
    if (used < answer->num_columns()) {
      for (const auto& field : answer->schema()->fields()) {
        if (!IsShadow(*field) && schema_->GetFieldIndex(field->name()) < 0)
          return Changed(field->name());
      }
    }
    return arrow::RecordBatch::Make(schema_, answer->num_rows(), std::move(columns));
  }

 private:
  static bool IsShadow(const arrow::Field& field) { return field.name().starts_with("out_"); }
  static Status Changed(const std::string& column) {
    return FailedPrecondition(
        "the column '" + column + "' of this answer is not as in the answers before it",
        "send batches of one schema, or name the columns to return with dataset");
  }

  std::shared_ptr<arrow::Schema> schema_;
};

class Stream final : public FlightStream {
 public:
  Stream(const FlightPort::Parts& parts, Gate& gate, AnswerOptions options)
      : parts_(parts), gate_(gate), options_(std::move(options)) {}
  ~Stream() override { gate_.LeaveStream(); }

  Status Infer(std::shared_ptr<arrow::RecordBatch> in, const Write& write) override {
    JOEY_RETURN_IF_ERROR(gate_.EnterBatch());
    const BatchUnderWay under_way(gate_);
    std::shared_ptr<arrow::RecordBatch> answer;
    JOEY_RETURN_IF_ERROR(parts_.runner->Run([&](InferOutcome& outcome) -> Status {
      JOEY_ASSIGN_OR_RETURN(answer, Answer(std::move(in), outcome));
      return {};
    }));
    // Outside of Run(): what a slow client takes is no time of the inference.
    return write(answer);
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Answer(std::shared_ptr<arrow::RecordBatch> in,
                                                     InferOutcome& outcome) {
    const std::int64_t time_ms = NowMicros() / 1000;
    const auto start = std::chrono::steady_clock::now();
    const auto bytes = static_cast<std::size_t>(arrow::util::TotalBufferSize(*in));
    if (bytes > parts_.batch_bytes_max) {
      return Status(Code::kPayloadTooLarge,
                    "the batch has " + std::to_string(bytes) + " bytes, at most " +
                        std::to_string(parts_.batch_bytes_max) + " are taken",
                    "send smaller batches");
    }
    JOEY_ASSIGN_OR_RETURN(in, AcceptArrowBatch(std::move(in)));
    // gRPC's buffers begin anywhere.
    auto aligned = arrow::util::EnsureAlignment(std::move(in), arrow::util::kValueAlignment,
                                                arrow::default_memory_pool());
    if (!aligned.ok()) return ResourceExhausted("not enough memory", "send smaller batches");
    const std::chrono::nanoseconds parsed = std::chrono::steady_clock::now() - start;
    JOEY_ASSIGN_OR_RETURN(InferenceRecord record,
                          RunInference(*parts_.pipeline, parts_.log, std::move(*aligned), time_ms,
                                       static_cast<std::uint64_t>(parsed.count()), outcome));
    return schema_.Fit(MakeAnswerTable(record, options_));
  }

  const FlightPort::Parts& parts_;
  Gate& gate_;
  const AnswerOptions options_;
  StreamSchema schema_;
};

std::shared_ptr<arrow::Schema> InputSchema(const Pipeline& pipeline) {
  arrow::FieldVector fields;
  for (const FieldSpec& input : pipeline.steps().front()->models().front().inputs()) {
    if (!input.type) continue;
    auto type = ArrowElementType(*input.type);
    // One list for all values of a row: what is known is how many there are.
    if (input.row_elements != 1) type = arrow::list(type);
    fields.push_back(arrow::field(input.name, type, false));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

struct FlightPort::Impl final : FlightBackend {
  explicit Impl(const Parts& given) : parts(given), schema(InputSchema(*given.pipeline)) {}

  const std::string& pipeline() const override { return parts.pipeline->context().pipeline_name; }
  std::chrono::seconds idle_max() const override { return parts.idle_max; }
  std::shared_ptr<arrow::Schema> input_schema() const override { return schema; }

  Status Check(const std::vector<std::string>& path, const std::string& command) const override {
    return ReadFlightCommand(pipeline(), path, command).status();
  }

  Result<std::unique_ptr<FlightStream>> Open(const std::vector<std::string>& path,
                                             const std::string& command) override {
    JOEY_ASSIGN_OR_RETURN(AnswerOptions options, ReadFlightCommand(pipeline(), path, command));
    JOEY_RETURN_IF_ERROR(gate.EnterStream());
    return std::unique_ptr<FlightStream>(std::make_unique<Stream>(parts, gate, std::move(options)));
  }

  const Parts parts;
  const std::shared_ptr<arrow::Schema> schema;
  Gate gate;
  std::unique_ptr<FlightServer> server;  // ends before what its streams use
};

FlightPort::FlightPort(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

FlightPort::~FlightPort() { impl_->server.reset(); }

Result<std::unique_ptr<FlightPort>> FlightPort::Open(const Parts& parts, const std::string& host,
                                                     int port) {
  JOEY_ASSIGN_OR_RETURN(
      void* symbol, OpenPlugin("joey_flight", kFlightStart, "build it together with the program"));
  auto impl = std::make_unique<Impl>(parts);
  Status status;
  auto* start = reinterpret_cast<FlightStart*>(symbol);
  impl->server.reset(start(*impl, host, port, status));
  JOEY_RETURN_IF_ERROR(std::move(status));
  return std::unique_ptr<FlightPort>(new FlightPort(std::move(impl)));
}

int FlightPort::port() const { return impl_->server->port(); }

void FlightPort::Drain(int seconds) {
  impl_->gate.Close();
  impl_->gate.AwaitIdle(std::chrono::seconds(seconds));
  impl_->server->Stop();
}

}  // namespace joey::engine
