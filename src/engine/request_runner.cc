#include "engine/request_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <string>

#include "base/limits.h"
#include "engine/metrics.h"
#include "http/content_coding.h"
#include "http/offload.h"

namespace joey::engine {

RequestRunner::RequestRunner(Metrics& metrics, int threads)
    : metrics_(metrics), threads_(threads), compute_(static_cast<std::size_t>(threads)) {}

boost::asio::awaitable<http::Response> RequestRunner::Answer(const InferRoute& route,
                                                             http::Request& request) {
  const bool small =
      request.body.size() <= limits::kInlineBodyBytesMax && !http::IsEncoded(request);
  const bool fast =
      !aside_ && recent_run_ns_.load(std::memory_order_relaxed) <= limits::kInlineRunNanosMax;
  if (small && fast) co_return RunHere(route, request);
  if (waiting_.fetch_add(1) >= limits::kComputeQueueMax) {
    waiting_.fetch_sub(1);
    co_return route.error(Unavailable("the engine has too many requests waiting",
                                      "send again later, or deploy more replicas"));
  }
  boost::asio::thread_pool& pool = small ? WaitingThreads() : compute_;
  http::Response response =
      co_await http::Offload(pool, [this, &route, &request] { return RunHere(route, request); });
  waiting_.fetch_sub(1);
  co_return response;
}

boost::asio::thread_pool& RequestRunner::WaitingThreads() {
  std::call_once(waiting_once_, [this] {
    const int count = std::max(limits::kWaitingThreadsMax, threads_);
    waiting_threads_ = std::make_unique<boost::asio::thread_pool>(static_cast<std::size_t>(count));
  });
  return *waiting_threads_;
}

void RequestRunner::Join() {
  compute_.join();
  if (waiting_threads_ != nullptr) waiting_threads_->join();
}

http::Response RequestRunner::RunHere(const InferRoute& route, http::Request& request) {
  http::Response response;
  Status status = Run([&](InferOutcome& outcome) {
    const bool encoded = http::IsEncoded(request);
    if (encoded) JOEY_RETURN_IF_ERROR(http::DecodeBody(request, body_bytes_max_));
    Result<http::Response> answer = route.answer(request, outcome);
    if (!answer.ok()) return answer.status();
    response = std::move(*answer);
    if (encoded) http::EncodeAnswer(request, response);
    return Status();
  });
  return status.ok() ? std::move(response) : route.error(status);
}

Status RequestRunner::Run(const std::function<Status(InferOutcome&)>& work) {
  auto start = std::chrono::steady_clock::now();
  InferOutcome outcome;
  Status status;
  try {
    status = work(outcome);
  } catch (const std::bad_alloc&) {
    status = ResourceExhausted("not enough memory for this request", "send fewer rows per request");
  } catch (const std::exception& error) {
    status = Internal(std::string("the request failed: ") + error.what());
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  metrics_.CountRequest(status.ok() ? 200 : HttpStatus(status.code()),
                        static_cast<double>(outcome.rows), seconds.count());
  if (outcome.rows > 0) {
    std::uint64_t before = recent_run_ns_.load(std::memory_order_relaxed);
    recent_run_ns_.store((3 * before + outcome.run_ns) / 4, std::memory_order_relaxed);
  }
  return status;
}

}  // namespace joey::engine
