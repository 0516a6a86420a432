// Bins: where their edges lie and how many values fall into each (docs/assays.md).
//
// N edges make N + 1 bins: left outliers below the first edge, (edge, next edge] between them, the
// first of which also has its left edge, and right outliers above the last.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "drift/statistics.h"

namespace joey::drift {

enum class BinMode { kNone, kEqual, kQuantile, kProvided };

struct Binning {
  BinMode mode = BinMode::kQuantile;
  std::int64_t bins = 5;         // without the two for outliers
  std::vector<double> provided;  // of kProvided: an edge a bin, or one more for the lowest

  // With those for outliers.
  std::size_t total() const {
    return static_cast<std::size_t>(mode == BinMode::kNone ? 1 : bins) + 2;
  }
};

// InvalidArgument unless the numbers fit together.
Status CheckBinning(const Binning& binning);

// The edges, ascending. Changes the order of values, whose statistics are given.
Result<std::vector<double>> MakeEdges(const Binning& binning, std::span<double> values,
                                      const Statistics& statistics);

// "left_outlier", "q_20" …, "right_outlier": one name a bin.
std::vector<std::string> BaselineEdgeNames(BinMode mode, std::span<const double> edges);
std::vector<std::string> WindowEdgeNames(std::span<const double> edges);

// Values in each bin. Values that equal the last edge are in the last bin; but when all are at or
// above it, and the edges are not all the same, they are right outliers.
std::vector<std::int64_t> CountBins(std::span<const double> edges, std::span<const double> values,
                                    double min);

}  // namespace joey::drift
