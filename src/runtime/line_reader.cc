#include "runtime/line_reader.h"

#include <unistd.h>

#include <cerrno>

#include "base/limits.h"

namespace joey {

bool LineReader::ReadSome() {
  constexpr int kReadsMax = 16;  // one that prints without end must not keep the thread here
  char buffer[16384];
  for (int i = 0; i < kReadsMax; ++i) {
    const ssize_t got = ::read(pipe_.get(), buffer, sizeof buffer);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    Take({buffer, static_cast<std::size_t>(got)});
  }
  return true;
}

void LineReader::Finish() {
  if (!line_.empty()) Emit();
  ReportDropped();
}

void LineReader::Take(std::string_view text) {
  for (char c : text) {
    if (c == '\n') {
      Emit();
      continue;
    }
    const auto code = static_cast<unsigned char>(c);
    // Escape sequences would speak to the terminal of whoever reads the log.
    line_ += (code < 0x20 && c != '\t') || code == 0x7f ? '?' : c;
    if (line_.size() >= limits::kWorkerLineBytesMax) Emit();
  }
}

void LineReader::Emit() {
  const auto now = std::chrono::steady_clock::now();
  if (now - second_ >= std::chrono::seconds(1)) {
    ReportDropped();
    second_ = now;
    lines_ = 0;
  }
  if (++lines_ > limits::kWorkerLinesPerSecondMax) {
    ++dropped_;
  } else if (print_) {
    print_(line_);
  }
  line_.clear();
}

void LineReader::ReportDropped() {
  if (dropped_ > 0 && print_) print_("… " + std::to_string(dropped_) + " more lines left out");
  dropped_ = 0;
}

}  // namespace joey
