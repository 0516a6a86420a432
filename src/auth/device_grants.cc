#include "auth/device_grants.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "auth/limits.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/sha256.h"

namespace joey::auth {
namespace {

constexpr std::size_t kDeviceCodeBytes = 32;
constexpr std::size_t kUserCodeLetters = 8;
// RFC 8628 §6.1: no vowels, so that no words come out.
constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ";

std::string NewUserCode() {
  std::string out;
  while (out.size() < kUserCodeLetters) {
    unsigned char byte = 0;
    if (RAND_bytes(&byte, 1) != 1) std::abort();
    // The largest multiple of 20 below 256: every letter is as likely.
    if (byte < 240) out += kLetters[byte % kLetters.size()];
  }
  return out.substr(0, 4) + "-" + out.substr(4);
}

// As NewUserCode() writes it; anything else stays something else.
std::string NormalCode(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 32)) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    if (upper >= 'A' && upper <= 'Z') out += upper;
    if (out.size() == 4) out += '-';
  }
  return out;
}

}  // namespace

Result<DeviceGrants::Begun> DeviceGrants::Begin(std::string_view address) {
  const Begun begun{RandomHex(kDeviceCodeBytes), NewUserCode()};
  const std::int64_t now = NowMicros();
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(
        connection.Run("DELETE FROM device_grant WHERE expires_at <= ?", {now}).status());
    JOEY_ASSIGN_OR_RETURN(const auto waiting,
                          connection.QueryInt("SELECT count(*) FROM device_grant"));
    if (waiting.value_or(0) >= kDeviceGrantsMax) {
      return ResourceExhausted("too many sign-ins wait to be confirmed",
                               "try again in some minutes");
    }
    return connection
        .Run(
            "INSERT INTO device_grant(device_sha, user_code, address, state, created_at, "
            "polled_at, expires_at) VALUES (?, ?, ?, 'pending', ?, 0, ?)",
            {Sha256::Hex(begun.device_code), begun.user_code, address, now,
             now + kDeviceGrantSeconds * 1000000})
        .status();
  }));
  return begun;
}

Result<DeviceGrants::Answer> DeviceGrants::Poll(std::string_view device_code) {
  Answer answer;
  const std::string sha = Sha256::Hex(device_code);
  const std::int64_t now = NowMicros();
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    std::string state;
    std::int64_t polled_at = 0;
    JOEY_RETURN_IF_ERROR(
        connection.Query("SELECT state, user_id, polled_at FROM device_grant WHERE device_sha = ? "
                         "AND expires_at > ?",
                         {sha, now}, [&](const SqlRow& row) {
                           state = row.Text(0);
                           answer.user_id = row.OptionalText(1).value_or("");
                           polled_at = row.Int(2);
                         }));
    if (state.empty()) return {};
    if (state == "pending") {
      // Half of the interval: clocks and networks are not exact.
      const bool too_fast = now - polled_at < kDeviceIntervalSeconds * 500000;
      answer.state = too_fast ? State::kTooFast : State::kPending;
      return connection
          .Run("UPDATE device_grant SET polled_at = ? WHERE device_sha = ?", {now, sha})
          .status();
    }
    answer.state = state == "approved" ? State::kApproved : State::kDenied;
    return connection.Run("DELETE FROM device_grant WHERE device_sha = ?", {sha}).status();
  }));
  return answer;
}

Result<std::optional<DeviceGrant>> DeviceGrants::Find(std::string_view user_code) {
  std::optional<DeviceGrant> found;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return connection.Query(
        "SELECT user_code, address, created_at FROM device_grant WHERE user_code = ? "
        "AND state = 'pending' AND expires_at > ?",
        {NormalCode(user_code), NowMicros()}, [&](const SqlRow& row) {
          found = DeviceGrant{row.Text(0), row.Text(1), row.Int(2)};
        });
  }));
  return found;
}

Result<bool> DeviceGrants::Decide(std::string_view user_code, bool approve,
                                  const control::User& user) {
  std::int64_t changed = 0;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        changed, connection.Run("UPDATE device_grant SET state = ?, user_id = ? "
                                "WHERE user_code = ? AND state = 'pending' AND expires_at > ?",
                                {approve ? "approved" : "denied", user.id, NormalCode(user_code),
                                 NowMicros()}));
    return {};
  }));
  return changed > 0;
}

}  // namespace joey::auth
