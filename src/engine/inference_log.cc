#include "engine/inference_log.h"

#include "engine/log_shipper.h"
#include "engine/log_spool.h"

namespace joey::engine {

namespace {

class SpooledLog final : public InferenceLog {
 public:
  SpooledLog(std::unique_ptr<LogSpool> spool, InferenceLogOptions options)
      : spool_(std::move(spool)),
        shipper_(*spool_, std::move(options.address_file), std::move(options.token)) {}

  Status Append(const InferenceRecord& record) override { return spool_->Append(record); }
  bool Flush(std::chrono::milliseconds deadline) override { return shipper_.Flush(deadline); }

 private:
  std::unique_ptr<LogSpool> spool_;
  LogShipper shipper_;
};

}  // namespace

Result<std::unique_ptr<InferenceLog>> InferenceLog::Make(InferenceLogOptions options) {
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<LogSpool> spool, LogSpool::Open(options.spool_directory));
  return std::unique_ptr<InferenceLog>(
      std::make_unique<SpooledLog>(std::move(spool), std::move(options)));
}

}  // namespace joey::engine
