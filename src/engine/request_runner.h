// Where inference requests run, and how they are counted.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>

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
  // connections and go to the compute threads. `route` and `request` must live until the answer.
  boost::asio::awaitable<http::Response> Answer(const InferRoute& route,
                                                const http::Request& request);

  // Runs `work` on the calling thread: exceptions become a Status, the outcome is counted.
  Status Run(const std::function<Status(InferOutcome&)>& work);

  // Waits for what runs on the compute threads.
  void Join() { compute_.join(); }

 private:
  http::Response RunHere(const InferRoute& route, const http::Request& request);

  Metrics& metrics_;
  std::atomic<std::uint64_t> recent_run_ns_ = 0;  // moving average of a request's model time
  std::atomic<int> waiting_ = 0;
  boost::asio::thread_pool compute_;
};

}  // namespace joey::engine
