// What a worker prints, line by line.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace joey {

// The reading end of a pipe that foreign code writes to. Long lines are split, control characters
// replaced; beyond limits::kWorkerLinesPerSecondMax lines are counted instead of passed on. Belongs
// to one thread.
class LineReader {
 public:
  using Print = std::function<void(std::string_view line)>;

  LineReader(UniqueFd pipe, Print print) : pipe_(std::move(pipe)), print_(std::move(print)) {}

  int fd() const { return pipe_.get(); }
  // Reads what is there, without waiting. False once the other end is closed.
  bool ReadSome();
  // After that nothing is read any more.
  void Close() { pipe_.Reset(); }
  // Passes on the last line although nothing ended it, and how many lines were left out.
  void Finish();

 private:
  void Take(std::string_view text);
  void Emit();
  void ReportDropped();

  UniqueFd pipe_;
  Print print_;
  std::string line_;
  std::chrono::steady_clock::time_point second_{};
  int lines_ = 0;  // within the second
  int dropped_ = 0;
};

}  // namespace joey
