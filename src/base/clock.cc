#include "base/clock.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

namespace joey {
namespace {

// Takes parts off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // A number of exactly `digits` digits from `low` to `high`.
  std::optional<int> Number(std::size_t digits, int low, int high) {
    int value = 0;
    if (text_.size() < digits) return std::nullopt;
    for (const char c : text_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(digits);
    if (value < low || value > high) return std::nullopt;
    return value;
  }
  // The microseconds of a fraction; further digits are dropped.
  std::optional<int> Fraction() {
    int micros = 0;
    std::size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      if (digits < 6) micros = micros * 10 + (text_[digits] - '0');
    }
    if (digits == 0 || digits > 9) return std::nullopt;
    text_.remove_prefix(digits);
    for (; digits < 6; ++digits) micros *= 10;
    return micros;
  }
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> Parse(std::string_view text) {
  using namespace std::chrono;
  Scanner scan(text);
  const auto y = scan.Number(4, 1, 9999);
  if (!y || !scan.Take('-')) return std::nullopt;
  const auto m = scan.Number(2, 1, 12);
  if (!m || !scan.Take('-')) return std::nullopt;
  const auto d = scan.Number(2, 1, 31);
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                            day{static_cast<unsigned>(d.value_or(0))}};
  if (!date.ok() || (!scan.Take('T') && !scan.Take(' '))) return std::nullopt;
  const auto hour = scan.Number(2, 0, 23);
  if (!hour || !scan.Take(':')) return std::nullopt;
  const auto minute = scan.Number(2, 0, 59);
  if (!minute || !scan.Take(':')) return std::nullopt;
  const auto second = scan.Number(2, 0, 60);
  if (!second) return std::nullopt;
  int micros = 0;
  if (scan.Take('.')) {
    const auto fraction = scan.Fraction();
    if (!fraction) return std::nullopt;
    micros = *fraction;
  }
  minutes zone{0};
  if (!scan.Take('Z')) {
    const bool west = scan.Take('-');
    if (!west && !scan.Take('+')) return std::nullopt;
    const auto zone_hours = scan.Number(2, 0, 23);
    if (!zone_hours || !scan.Take(':')) return std::nullopt;
    const auto zone_minutes = scan.Number(2, 0, 59);
    if (!zone_minutes) return std::nullopt;
    zone = (hours(*zone_hours) + minutes(*zone_minutes)) * (west ? -1 : 1);
  }
  if (!scan.done()) return std::nullopt;
  const auto time = sys_days{date} + hours(*hour) + minutes(*minute) + seconds(*second) - zone +
                    microseconds(micros);
  return duration_cast<microseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string FormatMicros(std::int64_t micros) {
  using std::chrono::days;
  using std::chrono::microseconds;
  const std::chrono::sys_time<microseconds> time{microseconds(micros)};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<std::int64_t> ParseMicros(std::string_view text) {
  if (const auto micros = Parse(text)) return *micros;
  return InvalidArgument("'" + std::string(text.substr(0, 64)) + "' is no time",
                         "write it in ISO 8601 with its zone: 2023-11-22T16:24:51.123456+00:00");
}

}  // namespace joey
