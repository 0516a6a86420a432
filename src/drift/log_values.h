// The values of one field out of the log of a pipeline, by time. Reads only blocks of that time,
// and of those only the columns that are needed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "drift/config.h"
#include "logs/topic.h"

namespace joey::drift {

// Sees the rows that were there when it was made. One thread.
class LogValues {
 public:
  // `topic` may be nullptr: a log without rows.
  LogValues(const logs::Topic* topic, const Source& source);

  // Of the rows with start <= time < end (microseconds; a log has whole milliseconds: that of the
  // start belongs to it, and that of the end too where the end lies inside it). Values that are not
  // finite are left out. NotFound when there are rows, but none of that model with such a field.
  Result<std::vector<double>> Read(std::int64_t start, std::int64_t end) const;

  // No row of that time or later lies before this; nullopt: there is none.
  std::optional<std::int64_t> NextTime(std::int64_t from) const;

 private:
  const logs::Topic* topic_;
  const Source& source_;
  std::vector<logs::BlockRef> blocks_;
};

}  // namespace joey::drift
