// Signed JSON web tokens (RFC 7515, 7519): ES256 of this server, ES256 and RS256 of others.
//
// A key has exactly one algorithm, which does not come from the token: "none", HMAC with a public
// key and other confusions have nowhere to happen.
#pragma once

#include <openssl/evp.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey::auth {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// Verifies signatures. Immutable; any thread.
class VerifyKey {
 public:
  // From a JSON web key (RFC 7517): EC on P-256 for ES256, or RSA of 2048 bits and more for RS256.
  // kUnimplemented for another kind or use.
  static Result<VerifyKey> FromJwk(const nlohmann::json& jwk);
  VerifyKey(Key key, std::string kid, std::string algorithm)
      : key_(std::move(key)), kid_(std::move(kid)), algorithm_(std::move(algorithm)) {}

  const std::string& kid() const { return kid_; }
  const std::string& algorithm() const { return algorithm_; }
  bool Verify(std::string_view bytes, std::string_view signature) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::string kid_;
  std::string algorithm_;
};

// Signs with ES256. Immutable; any thread.
class SigningKey {
 public:
  // Reads the key of the file, or makes one and writes it, readable by its owner only.
  static Result<std::unique_ptr<SigningKey>> Open(const std::string& path);

  std::string Sign(const nlohmann::json& claims) const;
  const nlohmann::json& public_jwk() const { return public_jwk_; }
  const VerifyKey& verify_key() const { return *verify_key_; }

 private:
  explicit SigningKey(Key key) : key_(std::move(key)) {}
  Key key_;
  nlohmann::json public_jwk_;
  std::unique_ptr<VerifyKey> verify_key_;
};

// Finds the key of a token's header; null when there is none.
using FindKey = std::function<const VerifyKey*(const std::string& kid)>;

// The claims of a token whose signature is right and that is valid now (exp, nbf), give or take
// `skew_seconds`. kUnauthenticated otherwise, with what is wrong.
Result<nlohmann::json> VerifyJwt(std::string_view token, const FindKey& find,
                                 std::int64_t skew_seconds = 0);

}  // namespace joey::auth
