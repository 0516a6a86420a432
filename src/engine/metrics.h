// Counters of an engine, in Prometheus' text format.
#pragma once

#include <memory>
#include <string>

namespace joey::engine {

// Thread-safe.
class Metrics {
 public:
  explicit Metrics(const std::string& pipeline);
  ~Metrics();

  // One answered inference request: its HTTP status, rows, and seconds from its body's last byte
  // to its answer's first.
  void CountRequest(int status, double rows, double seconds);
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::engine
