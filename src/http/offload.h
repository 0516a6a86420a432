// Running a function on a thread pool from a coroutine.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

namespace joey::http {

// Calls `function` (which does not throw) on `pool` and resumes the caller on its own executor with
// the result. What `function` refers to must live until then.
template <typename Function>
boost::asio::awaitable<std::invoke_result_t<Function>> Offload(boost::asio::thread_pool& pool,
                                                               Function function) {
  using R = std::invoke_result_t<Function>;
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
      [&pool, function = std::move(function)](auto handler) mutable {
        auto executor = boost::asio::get_associated_executor(handler);
        boost::asio::post(pool, [executor, function = std::move(function),
                                 handler = std::move(handler)]() mutable {
          boost::asio::post(executor,
                            [handler = std::move(handler), result = function()]() mutable {
                              std::move(handler)(std::move(result));
                            });
        });
      },
      boost::asio::use_awaitable);
}

}  // namespace joey::http
