// A second `joey serve` on the same data directory: it passes connections through to the one that
// leads, and says when that one is gone (docs/operations.md).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/files.h"
#include "base/socket_address.h"
#include "base/status.h"

namespace joey::cli {

class Standby {
 public:
  // Passes connections of `listener` through, on a thread of its own, until Stop() or until nobody
  // holds the lock of `data` any more. Clients that come while nobody answers wait in the socket's
  // queue, where the next leader finds them.
  static std::unique_ptr<Standby> Start(std::string data, UniqueFd listener);
  ~Standby();

  // The leader has ended, however it did.
  bool leader_is_gone() const { return leader_is_gone_; }

  // Ends the connections that are left; the listening socket goes on.
  UniqueFd Stop();

 private:
  struct Impl;
  explicit Standby(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::atomic<bool> leader_is_gone_ = false;
  std::thread thread_;
};

}  // namespace joey::cli
