// What is said about a set of values: how many, where they lie, how far they are spread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"

namespace joey::drift {

struct Statistics {
  std::int64_t count = 0;
  double min = 0;
  double max = 0;
  double mean = 0;
  double median = 0;
  double std = 0;  // of the population
};

// Puts at each of the ranks (ascending) the value that would be there if all were sorted. O(N log
// K).
void SelectRanks(std::span<double> values, std::span<const std::size_t> ranks);

// Of at least one value, none of them NaN. Changes the order. InvalidArgument when they are so
// large that their mean or spread is no number.
Result<Statistics> Describe(std::span<double> values);

}  // namespace joey::drift
