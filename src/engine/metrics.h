// Counters of an engine, in Prometheus' text format.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace joey::engine {

// Thread-safe.
class Metrics {
 public:
  explicit Metrics(const std::string& pipeline);
  ~Metrics();

  // One answered inference request: its HTTP status, rows, and seconds from its body's last byte
  // to its answer's first.
  void CountRequest(int status, double rows, double seconds);
  // Counters kept elsewhere, read whenever Text() is called. Before the first request only.
  struct Sample {
    std::string name;  // "joey_shadow_runs_total"
    std::string help;
    std::vector<std::pair<std::string, std::string>> labels;
    double value;
  };
  void AddSource(std::function<std::vector<Sample>()> source);

  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::engine
