// Running a function on a thread pool from a coroutine.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "http/message.h"

namespace joey::http {

// Calls `function` (which returns a Response and does not throw) on `pool` and resumes the caller
// on its own executor with the result. What `function` refers to must live until then.
template <typename Function>
boost::asio::awaitable<Response> Offload(boost::asio::thread_pool& pool, Function function) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Response)>(
      [&pool, function = std::move(function)](auto handler) mutable {
        auto executor = boost::asio::get_associated_executor(handler);
        boost::asio::post(pool, [executor, function = std::move(function),
                                 handler = std::move(handler)]() mutable {
          boost::asio::post(executor,
                            [handler = std::move(handler), response = function()]() mutable {
                              std::move(handler)(std::move(response));
                            });
        });
      },
      boost::asio::use_awaitable);
}

}  // namespace joey::http
