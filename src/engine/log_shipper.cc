#include "engine/log_shipper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/limits.h"
#include "data/arrow_ipc.h"

namespace joey::engine {

using std::chrono::milliseconds;

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
    spool_.Prepare();
    const Shipped shipped = ShipAll();
    const bool all = shipped == Shipped::kAll;
    lock.lock();
    if (all) {
      flush_done_ = requests;
      shipped_.notify_all();
      pause = milliseconds(limits::kLogShipMillis);
    } else if (shipped == Shipped::kBusy) {
      pause = milliseconds(flush_requests_ > flush_done_ ? 1 : limits::kLogShipMillis);
    } else {
      pause = std::min(2 * std::max(pause, milliseconds(limits::kLogShipMillis)),
                       milliseconds(limits::kLogBackOffMillisMax));
    }
    wake_.wait_for(lock, pause, [&] {
      return stopping_ || (shipped != Shipped::kRefused && flush_requests_ > requests);
    });
  }
}

LogShipper::Shipped LogShipper::ShipAll() {
  for (const std::shared_ptr<LogSegment>& segment : spool_.Segments()) {
    const Shipped shipped = ShipSegment(segment);
    if (shipped != Shipped::kAll) return shipped;
  }
  return Shipped::kAll;
}

LogShipper::Shipped LogShipper::ShipSegment(const std::shared_ptr<LogSegment>& segment) {
  Progress& progress = progress_[segment.get()];
  for (;;) {
    // Asked first: when it is active no more, nothing is added after NextBatch() has looked.
    const bool active = spool_.IsActive(*segment);
    std::optional<Batch> batch = NextBatch(*segment, progress);
    if (batch) {
      if (!Send(*segment, *batch, progress)) return Shipped::kRefused;
      segment->Release(progress.position);
      spool_.Prepare();
      // What came in while this was sent goes with the next round: each batch costs joey serve a
      // write to disk, however few rows it has.
      const bool taken = progress.position == batch->end;
      if (active && taken && batch->to_end) return Shipped::kAll;
      continue;
    }
    std::size_t position = progress.position;
    LogSegment::Frame frame;
    // Numbers must reach joey serve in order: it takes a late lower one for a duplicate.
    const LogSegment::Found next = segment->Next(position, frame);
    if (next == LogSegment::Found::kPending) return Shipped::kBusy;
    if (active) return Shipped::kAll;
    if (next != LogSegment::Found::kNothing) continue;
    progress_.erase(segment.get());
    spool_.Remove(segment);
    return Shipped::kAll;
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
    if (found == LogSegment::Found::kNothing || found == LogSegment::Found::kPending) {
      batch.to_end = found == LogSegment::Found::kNothing;
      break;
    }
    const auto report = [&](std::string_view what) {
      if (position < progress.reported) return;
      progress.reported = position + 1;
      spdlog::error("{}, byte {}: {}; what it held is left out of the log", segment.path(),
                    position, what);
    };
    if (found == LogSegment::Found::kDamaged) report("a log record does not match its checksum");
    if (found == LogSegment::Found::kFrame && frame.header->kind == kSchemaFrame) {
      if (assembler) break;
      Result<LogSchema> schema = ReadSchemaPayload(frame.payload);
      if (schema.ok()) {
        progress.schemas[frame.header->schema_id] = std::move(*schema);
      } else {
        report(schema.status().message());
      }
    } else if (found == LogSegment::Found::kFrame &&
               frame.header->sequence > progress.stored_sequence) {
      auto schema = progress.schemas.find(frame.header->schema_id);
      if (schema != progress.schemas.end()) {
        if (assembler && (frame.header->schema_id != schema_id ||
                          assembler->bytes() + frame.payload.size() > limits::kLogBatchBytes)) {
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
          report(added.message());
        }
      } else {
        report("the schema of a log record is missing");
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
  Result<std::vector<ArrowPart>> body = EncodeArrowStream(*batch.rows);
  if (!body.ok()) {
    spdlog::error("log rows cannot be encoded: {}", body.status().ToString());
    return false;
  }
  std::vector<std::string_view> pieces;
  for (const ArrowPart& part : *body) pieces.push_back(part.bytes);
  Result<http::ClientResponse> response =
      client_->Call("POST", "/v1/internal/logs/" + batch.topic,
                    {{"Content-Type", "application/vnd.apache.arrow.stream"},
                     {"X-Joey-Token", token_},
                     {"X-Joey-Source", std::string(segment.source())},
                     {"X-Joey-Sequence", std::to_string(batch.first)},
                     {"X-Joey-Last-Sequence", std::to_string(batch.last)}},
                    pieces);
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
    if (document.is_object() && document["last_sequence"].is_number_unsigned()) {
      const auto stored = document["last_sequence"].get<std::uint64_t>();
      if (stored >= batch.first) {
        progress.stored_sequence = stored;
        return true;
      }
    }
  }
  if ((response->status == 400 || response->status == 413) && SetAside(segment, batch, pieces)) {
    spdlog::error("joey serve refuses log rows, they are set aside: {} {}", response->status,
                  response->body);
    progress.position = batch.end;
    return true;
  }
  spdlog::error("joey serve does not take log rows: {} {}", response->status, response->body);
  return false;
}

bool LogShipper::SetAside(const LogSegment& segment, const Batch& batch,
                          const std::vector<std::string_view>& pieces) {
  const std::string path = segment.path().substr(0, segment.path().rfind('/')) + "/refused-" +
                           std::string(segment.source()) + "-" + std::to_string(batch.first) +
                           ".arrows";
  std::string rows;
  for (const std::string_view piece : pieces) rows += piece;
  Status written = WriteFileAtomically(path, rows);
  if (!written.ok()) spdlog::error("{}", written.ToString());
  return written.ok();
}

}  // namespace joey::engine
