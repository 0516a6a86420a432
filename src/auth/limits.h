// Limits of identity, with their units in their names. docs/identity.md lists what users meet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace joey::auth {

inline constexpr std::size_t kEmailBytesMax = 254;
inline constexpr std::size_t kPasswordBytesMin = 8;
inline constexpr std::size_t kPasswordBytesMax = 1024;
inline constexpr std::size_t kTokenNameBytesMax = 63;
inline constexpr std::size_t kTokenBytesMax = 8 * 1024;  // longer ones are not looked at
inline constexpr std::size_t kApiTokensMax = 100;        // of one user
inline constexpr std::int64_t kApiTokenDaysMax = 3650;

// Argon2id (RFC 9106): 19 MiB and 3 passes take about 40 ms of one CPU.
inline constexpr std::uint32_t kPasswordMemoryKib = 19 * 1024;
inline constexpr std::uint32_t kPasswordPasses = 3;
inline constexpr int kPasswordHashesAtOnceMax = 2;  // others wait: memory stays bounded

inline constexpr std::int64_t kAccessTokenSeconds = 900;
inline constexpr std::int64_t kClientSessionSeconds = 30 * 24 * 3600;  // a refresh token
inline constexpr std::int64_t kBrowserSessionSeconds = 12 * 3600;      // a cookie
inline constexpr int kSessionsMax = 1000;                              // of one user

inline constexpr std::int64_t kDeviceGrantSeconds = 600;   // to confirm a code
inline constexpr std::int64_t kDeviceIntervalSeconds = 2;  // between two polls
inline constexpr std::int64_t kDeviceGrantsMax = 1000;     // that wait at the same time

// Failed sign-ins. Then pauses that double.
inline constexpr int kAccountAttemptsFree = 5;
inline constexpr int kAddressAttemptsFree = 20;
inline constexpr int kAttemptPauseSeconds = 10;
inline constexpr int kAttemptPauseSecondsMax = 300;
inline constexpr int kAttemptMemorySeconds = 900;  // without a try: forgotten
inline constexpr std::size_t kAttemptEntriesMax = 10000;

// Another provider.
inline constexpr std::int64_t kProviderKeepSeconds = 600;     // its description and keys
inline constexpr std::int64_t kProviderAskAgainSeconds = 10;  // for a key that is not known
inline constexpr std::int64_t kProviderSkewSeconds = 30;      // between its clock and ours

inline constexpr std::size_t kTokenCacheEntriesMax = 10000;
inline constexpr std::int64_t kTokenCacheMillis = 2000;  // then a token is verified again

}  // namespace joey::auth
