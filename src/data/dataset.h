// Which columns of a record a caller asks for: the `dataset` and `dataset_exclude` arguments of
// inferences and logs (guide L7775-7838, WIRE.md §4.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace joey {

// Names are `*` (time, in, out, anomaly and check_failures), a group (`in`, `out`, `out_<model>`,
// `anomaly`, `check_failures`, `metadata` or `meta`) or a column (`in.tensor`, `metadata.elapsed`).
// The more specific of an inclusion and an exclusion wins, on a tie the exclusion. `time` is always
// selected.
class Dataset {
 public:
  // Nothing asked for means `*`.
  Dataset(std::vector<std::string> include, std::vector<std::string> exclude);

  // Everything there is, metadata too.
  static Dataset All();

  // Whether that is so.
  bool SelectsAll() const { return all_; }

  // `name` is "time", or a column with its group: "in.tensor", "metadata.elapsed".
  bool Selects(std::string_view name) const;
  bool Selects(std::string_view group, std::string_view name) const;

 private:
  Dataset() = default;

  std::vector<std::string> include_;
  std::vector<std::string> exclude_;
  bool all_ = false;
};

}  // namespace joey
