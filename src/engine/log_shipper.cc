#include "engine/log_shipper.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/limits.h"

namespace joey::engine {

using std::chrono::milliseconds;

namespace {

arrow::Result<std::shared_ptr<arrow::Buffer>> Encode(const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(auto stream, arrow::io::BufferOutputStream::Create(1 << 16));
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(stream, batch.schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
  ARROW_RETURN_NOT_OK(writer->Close());
  return stream->Finish();
}

}  // namespace

LogShipper::LogShipper(LogSpool& spool, std::string address_file, std::string token)
    : spool_(spool), address_file_(std::move(address_file)), token_(std::move(token)) {
  thread_ = std::thread([this] { Run(); });
}

LogShipper::~LogShipper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool LogShipper::Flush(milliseconds deadline) {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++flush_requests_;
  wake_.notify_all();
  return shipped_.wait_for(lock, deadline, [&] { return flush_done_ >= mine; });
}

void LogShipper::Run() {
  milliseconds pause{limits::kLogShipMillis};
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::uint64_t requests = flush_requests_;
    lock.unlock();
    const bool all = ShipAll();
    lock.lock();
    if (all) {
      flush_done_ = requests;
      shipped_.notify_all();
      pause = milliseconds(limits::kLogShipMillis);
    } else {
      pause = std::min(2 * pause, milliseconds(limits::kLogBackOffMillisMax));
    }
    wake_.wait_for(lock, pause, [&] { return stopping_ || (all && flush_requests_ > requests); });
  }
}

bool LogShipper::ShipAll() {
  for (const std::shared_ptr<LogSegment>& segment : spool_.Segments()) {
    if (!ShipSegment(segment)) return false;
  }
  return true;
}

bool LogShipper::ShipSegment(const std::shared_ptr<LogSegment>& segment) {
  Progress& progress = progress_[segment.get()];
  for (;;) {
    // Asked first: when it is active no more, nothing is added after NextBatch() has looked.
    const bool active = spool_.IsActive(*segment);
    std::optional<Batch> batch = NextBatch(*segment, progress);
    if (batch) {
      if (!Send(*segment, *batch, progress)) return false;
      continue;
    }
    if (active) return true;
    std::size_t position = progress.position;
    LogSegment::Frame frame;
    if (segment->Next(position, frame) == LogSegment::Found::kNothing) {
      progress_.erase(segment.get());
      spool_.Remove(segment);
    }
    return true;
  }
}

// The next records of one schema that joey serve does not have yet; moves the position over what
// need not be sent.
std::optional<LogShipper::Batch> LogShipper::NextBatch(const LogSegment& segment,
                                                       Progress& progress) {
  std::optional<LogAssembler> assembler;
  std::uint32_t schema_id = 0;
  Batch batch;
  std::size_t position = progress.position;
  for (;;) {
    LogSegment::Frame frame;
    std::size_t next = position;
    LogSegment::Found found = segment.Next(next, frame);
    if (found == LogSegment::Found::kNothing || found == LogSegment::Found::kPending) break;
    if (found == LogSegment::Found::kFrame && frame.header->kind == kSchemaFrame) {
      if (assembler) break;
      Result<LogSchema> schema = ReadSchemaPayload(frame.payload);
      if (schema.ok()) {
        progress.schemas[frame.header->schema_id] = std::move(*schema);
      } else {
        spdlog::error("{}: {}", segment.path(), schema.status().ToString());
      }
    } else if (found == LogSegment::Found::kFrame &&
               frame.header->sequence > progress.stored_sequence) {
      auto schema = progress.schemas.find(frame.header->schema_id);
      if (schema != progress.schemas.end()) {
        if (assembler && (frame.header->schema_id != schema_id ||
                          assembler->bytes() >= limits::kLogBatchBytes)) {
          break;
        }
        if (!assembler) {
          schema_id = frame.header->schema_id;
          assembler.emplace(schema->second);
          batch.topic = schema->second.context.topic;
        }
        Status added = assembler->Add(frame.payload);
        if (added.ok()) {
          if (batch.first == 0) batch.first = frame.header->sequence;
          batch.last = frame.header->sequence;
        } else {
          spdlog::error("{}: {}", segment.path(), added.ToString());
        }
      }
    }
    position = next;
    if (!assembler) progress.position = position;
  }
  if (!assembler || assembler->rows() == 0) {
    progress.position = position;
    return std::nullopt;
  }
  batch.rows = assembler->Finish();
  batch.end = position;
  return batch;
}

bool LogShipper::Send(const LogSegment& segment, const Batch& batch, Progress& progress) {
  if (client_ == nullptr) {
    Result<std::string> text = ReadFile(address_file_, 256);
    if (!text.ok()) return false;
    Result<HostPort> address = ParseHostPort(*text);
    if (!address.ok()) return false;
    client_ =
        std::make_unique<http::Client>(*address, std::chrono::seconds(limits::kLogShipSecondsMax));
  }
  auto body = Encode(*batch.rows);
  if (!body.ok()) {
    spdlog::error("log rows cannot be encoded: {}", body.status().ToString());
    return false;
  }
  Result<http::ClientResponse> response =
      client_->Call("POST", "/v1/internal/logs/" + batch.topic,
                    {{"Content-Type", "application/vnd.apache.arrow.stream"},
                     {"X-Joey-Token", token_},
                     {"X-Joey-Source", std::string(segment.source())},
                     {"X-Joey-Sequence", std::to_string(batch.first)},
                     {"X-Joey-Last-Sequence", std::to_string(batch.last)}},
                    {std::string_view(**body)});
  if (!response.ok()) {
    client_.reset();  // joey serve may come back at another address
    return false;
  }
  if (response->status == 200) {
    progress.position = batch.end;
    return true;
  }
  if (response->status == 409) {
    // Some of it is stored already: an earlier process sent it and did not hear the answer.
    nlohmann::json document = nlohmann::json::parse(response->body, nullptr, false);
    if (document.is_object() && document.contains("last_sequence")) {
      progress.stored_sequence = document["last_sequence"].get<std::uint64_t>();
      return true;
    }
  }
  spdlog::error("joey serve does not take log rows: {} {}", response->status, response->body);
  return false;
}

}  // namespace joey::engine
