// Tokens that were verified a moment ago, by their digest.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>

#include "auth/epoch.h"
#include "control/records.h"

namespace joey::auth {

using UserPointer = std::shared_ptr<const control::User>;

// Threads: any. Keeps digests, not tokens.
class TokenCache {
 public:
  explicit TokenCache(const Epoch& epoch) : epoch_(epoch) {}

  // The user of a token that was verified in this epoch, less than kTokenCacheMillis ago, and has
  // not expired; null otherwise. About a microsecond.
  UserPointer Find(std::string_view token) const;

  // `epoch` is that of before the verification began. `expires_at` in microseconds since 1970.
  void Keep(std::string_view token, UserPointer user, std::int64_t expires_at, std::uint64_t epoch);

 private:
  using Digest = std::array<unsigned char, 32>;
  struct FirstBytes {
    std::size_t operator()(const Digest& digest) const {
      std::size_t out = 0;
      std::memcpy(&out, digest.data(), sizeof out);
      return out;
    }
  };
  struct Entry {
    UserPointer user;
    std::int64_t until = 0;  // microseconds
    std::uint64_t epoch = 0;
  };
  static Digest DigestOf(std::string_view token);

  const Epoch& epoch_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<Digest, Entry, FirstBytes> entries_;  // guarded by mutex_
};

}  // namespace joey::auth
