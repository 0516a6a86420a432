// Ends the streams of clients that neither send nor take anything.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace joey::engine {

// Arrow Flight cannot end a call from outside while it waits for its client. So a connection all of
// whose streams have waited longer than the limit is shut down, which ends these calls.
class IdleWatch {
  struct Entry {
    std::string peer;
    bool waiting = false;
    std::chrono::steady_clock::time_point since;
  };

 public:
  explicit IdleWatch(std::chrono::seconds limit);
  ~IdleWatch();
  IdleWatch(const IdleWatch&) = delete;

  // One stream while it is open; used by its thread.
  class Stream {
   public:
    // `peer` as gRPC writes it: "ipv4:127.0.0.1:41234".
    Stream(IdleWatch& watch, std::string peer);
    ~Stream();
    Stream(const Stream&) = delete;

    // What `call` gives, which waits for the client.
    template <typename Call>
    auto Await(Call&& call) {
      SetWaiting(true);
      auto result = call();
      SetWaiting(false);
      return result;
    }

   private:
    void SetWaiting(bool waiting);

    IdleWatch& watch_;
    std::list<Entry>::iterator entry_;
  };

 private:
  void Watch();
  void CloseIdle();

  const std::chrono::seconds limit_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::list<Entry> streams_;
  std::thread thread_;
};

}  // namespace joey::engine
