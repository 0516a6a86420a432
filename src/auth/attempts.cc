#include "auth/attempts.h"

#include <algorithm>
#include <cctype>

#include "auth/limits.h"

namespace joey::auth {
namespace {

using std::chrono::seconds;

// A long name is a digest's worth of it: the table stays small.
std::string KeyOf(std::string_view login) {
  std::string out(login.substr(0, kEmailBytesMax));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

int Attempts::Wait(Counts& counts, const std::string& key, Clock::time_point now) {
  const auto found = counts.find(key);
  if (found == counts.end() || found->second.free_at <= now) return 0;
  return static_cast<int>(std::chrono::ceil<seconds>(found->second.free_at - now).count());
}

void Attempts::Add(Counts& counts, const std::string& key, int free, Clock::time_point now) {
  if (counts.size() >= kAttemptEntriesMax && !counts.contains(key)) {
    std::erase_if(counts, [&](const auto& entry) {
      return now - entry.second.last > seconds(kAttemptMemorySeconds);
    });
    if (counts.size() >= kAttemptEntriesMax) counts.erase(counts.begin());
  }
  Count& count = counts[key];
  if (now - count.last > seconds(kAttemptMemorySeconds)) count.failures = 0;
  ++count.failures;
  count.last = now;
  const int over = count.failures - free;
  if (over < 0) return;
  count.free_at =
      now + seconds(std::min(kAttemptPauseSeconds << std::min(over, 16), kAttemptPauseSecondsMax));
}

int Attempts::Begin(std::string_view login, std::string_view address, Clock::time_point now) {
  const std::string account = KeyOf(login);
  const std::string place(address);
  std::lock_guard lock(mutex_);
  const int wait = std::max(Wait(accounts_, account, now), Wait(addresses_, place, now));
  if (wait > 0) return wait;
  Add(accounts_, account, kAccountAttemptsFree, now);
  Add(addresses_, place, kAddressAttemptsFree, now);
  return 0;
}

void Attempts::Succeeded(std::string_view login, std::string_view address) {
  std::lock_guard lock(mutex_);
  accounts_.erase(KeyOf(login));
  // Only this try: an attacker with an account of his own must not clear what others tried.
  const auto found = addresses_.find(std::string(address));
  if (found != addresses_.end() && found->second.failures > 0) {
    --found->second.failures;
    found->second.free_at = {};
  }
}

}  // namespace joey::auth
