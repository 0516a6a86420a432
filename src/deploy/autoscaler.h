// How many replicas a deployment should have, from what its engines use. Knows no processes and no
// clock: it is told what was seen and when.
#pragma once

#include <chrono>
#include <deque>

namespace joey::deploy {

struct Autoscale {
  int minimum = 0;
  int maximum = 1;
  double target = 0.75;  // mean CPU use of the engines, as a share of what each may use
};

// How fast the number follows the load. The operator's choice, the same for all deployments.
struct AutoscalePace {
  std::chrono::milliseconds sample{1000};  // between two looks
  std::chrono::milliseconds up{5000};      // the load asks for more for so long, then more start
  std::chrono::milliseconds down{60000};   // the same for fewer; without any request, for none
};

class Autoscaler {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Autoscaler(Autoscale range, AutoscalePace pace) : range_(range), pace_(pace) {}

  // `replicas` (at least one) ran since the last call and used `use` of their CPUs; `busy` says
  // whether any request was under way. Returns how many there should be from now on.
  int Observe(Time now, int replicas, double use, bool busy);
  // The number was changed by somebody else: what was seen before tells nothing any more.
  void Forget() { seen_.clear(); }

 private:
  struct Seen {
    Time at;
    int wanted;
    bool busy;
  };

  // What the load of one moment asks for.
  int Wanted(int replicas, double use) const;

  const Autoscale range_;
  const AutoscalePace pace_;
  std::deque<Seen> seen_;  // since the number changed last, at most pace_.down of it
};

}  // namespace joey::deploy
