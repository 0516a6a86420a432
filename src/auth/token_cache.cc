#include "auth/token_cache.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "auth/limits.h"
#include "base/clock.h"

namespace joey::auth {

TokenCache::Digest TokenCache::DigestOf(std::string_view token) {
  // Fetched once and with a context that is kept: half of the time of a digest this short.
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Digest digest;
  if (EVP_DigestInit_ex(context.get(), kAlgorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), token.data(), token.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

UserPointer TokenCache::Find(std::string_view token) const {
  const Digest digest = DigestOf(token);
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(digest);
  if (found == entries_.end()) return nullptr;
  const Entry& entry = found->second;
  if (entry.epoch != epoch_.now() || entry.until <= NowMicros()) return nullptr;
  return entry.user;
}

void TokenCache::Keep(std::string_view token, UserPointer user, std::int64_t expires_at,
                      std::uint64_t epoch) {
  const Digest digest = DigestOf(token);
  const std::int64_t until = std::min(expires_at, NowMicros() + kTokenCacheMillis * 1000);
  std::unique_lock lock(mutex_);
  if (entries_.size() >= kTokenCacheEntriesMax) entries_.clear();
  entries_[digest] = {std::move(user), until, epoch};
}

}  // namespace joey::auth
