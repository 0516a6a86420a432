// Where inference requests run, and how they are counted.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/limits.h"
#include "engine/inference.h"
#include "http/message.h"

namespace joey::engine {

class Metrics;

// How one kind of inference request is answered. Both are called from several threads at once.
struct InferRoute {
  std::function<Result<http::Response>(const http::Request&, InferOutcome&)> answer;
  std::function<http::Response(const Status&)> error;
};

class RequestRunner {
 public:
  // `threads` compute threads. `metrics` must live as long.
  RequestRunner(Metrics& metrics, int threads);

  // Small, quick requests run where they were read; others must not hold up the thread's other
  // connections. Large ones go to the compute threads. Small ones for a slow model go to many more
  // threads, which mostly wait, so that the model sees them together (runtime/batching_model.h).
  // Compressed bodies are expanded first, on a compute thread, and no further than plain ones may
  // be. `route` and `request` must live until the answer.
  boost::asio::awaitable<http::Response> Answer(const InferRoute& route, http::Request& request);

  // Both are to be called before the first Answer().
  // Requests that wait for another process never run where they were read: it may hang.
  void RunAside() { aside_ = true; }
  void LimitBodies(std::size_t bytes_max) { body_bytes_max_ = bytes_max; }

  // Runs `work` on the calling thread: exceptions become a Status, the outcome is counted.
  Status Run(const std::function<Status(InferOutcome&)>& work);

  // Waits for what runs on the threads.
  void Join();

 private:
  http::Response RunHere(const InferRoute& route, http::Request& request);
  boost::asio::thread_pool& WaitingThreads();

  Metrics& metrics_;
  const int threads_;
  bool aside_ = false;
  std::size_t body_bytes_max_ = limits::kInferBodyBytesMax;  // expanded
  std::atomic<std::uint64_t> recent_run_ns_ = 0;  // moving average of a request's model time
  std::atomic<int> waiting_ = 0;
  boost::asio::thread_pool compute_;
  std::once_flag waiting_once_;
  std::unique_ptr<boost::asio::thread_pool> waiting_threads_;  // started with the first request
};

}  // namespace joey::engine
