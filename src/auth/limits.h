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

inline constexpr std::size_t kTokenCacheEntriesMax = 10000;
inline constexpr std::int64_t kTokenCacheMillis = 2000;  // then a token is verified again

}  // namespace joey::auth
