#include "deploy/autoscaler.h"

#include <algorithm>
#include <cmath>

namespace joey::deploy {

namespace {

// A use this near to the target is on target: else a steady load would move the number to and fro.
constexpr double kTolerance = 0.1;

}  // namespace

int Autoscaler::Wanted(int replicas, double use) const {
  const double ratio = use / range_.target;
  int wanted = replicas;
  if (std::abs(ratio - 1) > kTolerance) {
    // The subtraction forgives what rounding added to a whole number.
    wanted = static_cast<int>(std::ceil(replicas * ratio - 1e-6));
  }
  return std::clamp(wanted, std::max(1, range_.minimum), std::max(1, range_.maximum));
}

int Autoscaler::Observe(Time now, int replicas, double use, bool busy) {
  seen_.push_back({now, Wanted(replicas, use), busy});
  // One that is older than the window is kept: it shows that the whole window was seen.
  while (seen_.size() > 2 && now - seen_[1].at >= pace_.down) seen_.pop_front();

  int least = seen_.back().wanted;  // of the shorter window
  int most = least;                 // of the longer one
  bool any_busy = false;
  for (const Seen& seen : seen_) {
    most = std::max(most, seen.wanted);
    any_busy |= seen.busy;
    if (now - seen.at <= pace_.up) least = std::min(least, seen.wanted);
  }
  const auto watched = now - seen_.front().at;
  int out = replicas;
  if (watched >= pace_.up && least > replicas) out = least;
  if (watched >= pace_.down && most < replicas) out = most;
  if (watched >= pace_.down && !any_busy && range_.minimum == 0) out = 0;
  out = std::clamp(out, range_.minimum, std::max(1, range_.maximum));
  if (out != replicas) Forget();
  return out;
}

}  // namespace joey::deploy
