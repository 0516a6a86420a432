#include "auth/jwt.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <optional>
#include <utility>

#include "auth/base64url.h"
#include "auth/limits.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json_depth.h"
#include "base/sha256.h"

namespace joey::auth {

using nlohmann::json;

namespace {

constexpr std::size_t kCoordinateBytes = 32;  // of P-256
constexpr std::size_t kKeyFileBytesMax = 16 * 1024;
constexpr int kRsaBitsMin = 2048;
constexpr std::size_t kJsonDepthMax = 16;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* value) const {
    Free(value);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status BadToken(const std::string& what) {
  return {Code::kUnauthenticated, "the token " + what, "sign in again"};
}

// r and s as JSON web tokens have them, from the form OpenSSL makes.
std::optional<std::string> RawSignature(std::string_view der) {
  const unsigned char* begin = Bytes(der);
  const Signature parsed(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(der.size())));
  if (parsed == nullptr) return std::nullopt;
  std::string out(2 * kCoordinateBytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  constexpr int kSize = static_cast<int>(kCoordinateBytes);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), bytes, kSize) != kSize ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), bytes + kCoordinateBytes, kSize) != kSize) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> DerSignature(std::string_view raw) {
  if (raw.size() != 2 * kCoordinateBytes) return std::nullopt;
  constexpr int kSize = static_cast<int>(kCoordinateBytes);
  const Signature parsed(ECDSA_SIG_new());
  Number r(BN_bin2bn(Bytes(raw), kSize, nullptr));
  Number s(BN_bin2bn(Bytes(raw.substr(kCoordinateBytes)), kSize, nullptr));
  if (ECDSA_SIG_set0(parsed.get(), r.get(), s.get()) != 1) return std::nullopt;
  (void)r.release();  // `parsed` owns them now
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Key KeyOf(const char* type, OSSL_PARAM* parameters) {
  EVP_PKEY* key = nullptr;
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  Key out(key);
  const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return out;
}

Key EcKey(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return nullptr;
  std::string point = "\x04";
  point.append(x).append(y);
  char group[] = "P-256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  return KeyOf("EC", parameters);
}

Key RsaKey(std::string_view n, std::string_view e) {
  const Builder builder(OSSL_PARAM_BLD_new());
  const Number modulus(BN_bin2bn(Bytes(n), static_cast<int>(n.size()), nullptr));
  const Number exponent(BN_bin2bn(Bytes(e), static_cast<int>(e.size()), nullptr));
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  if (parameters == nullptr) return nullptr;
  Key key = KeyOf("RSA", parameters.get());
  if (key != nullptr && EVP_PKEY_get_bits(key.get()) < kRsaBitsMin) return nullptr;
  return key;
}

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<json> ParseObject(const std::optional<std::string>& text) {
  if (!text || DeeperThan(*text, kJsonDepthMax)) return std::nullopt;
  json document = json::parse(*text, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  return document;
}

// The number of seconds of a claim; nullopt when it is missing, and -1 when it is no number.
std::optional<std::int64_t> Seconds(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end()) return std::nullopt;
  if (!found->is_number()) return -1;
  return static_cast<std::int64_t>(found->get<double>());
}

}  // namespace

Result<VerifyKey> VerifyKey::FromJwk(const json& jwk) {
  const Status unknown(Code::kUnimplemented, "this kind of key is not used here");
  if (!jwk.is_object()) return unknown;
  const std::string use = Text(jwk, "use");
  if (!use.empty() && use != "sig") return unknown;
  const std::string type = Text(jwk, "kty");
  const std::string algorithm = Text(jwk, "alg");
  const auto field = [&](const char* name) {
    return DecodeBase64Url(Text(jwk, name)).value_or(std::string());
  };
  Key key;
  if (type == "EC" && Text(jwk, "crv") == "P-256" && (algorithm.empty() || algorithm == "ES256")) {
    key = EcKey(field("x"), field("y"));
  } else if (type == "RSA" && (algorithm.empty() || algorithm == "RS256")) {
    key = RsaKey(field("n"), field("e"));
  }
  if (key == nullptr) return unknown;
  return VerifyKey(std::move(key), Text(jwk, "kid"), type == "EC" ? "ES256" : "RS256");
}

bool VerifyKey::Verify(std::string_view bytes, std::string_view signature) const {
  std::string converted;
  if (algorithm_ == "ES256") {
    auto der = DerSignature(signature);
    if (!der) return false;
    converted = std::move(*der);
    signature = converted;
  }
  const Digest context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(bytes),
                          bytes.size()) == 1;
}

Result<std::unique_ptr<SigningKey>> SigningKey::Open(const std::string& path) {
  Result<std::string> stored = ReadFile(path, kKeyFileBytesMax);
  Key key;
  if (stored.status().code() == Code::kNotFound) {
    key.reset(EVP_EC_gen("P-256"));
    if (key == nullptr) return Internal("OpenSSL cannot make a key");
    const Memory memory(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(path, {text, static_cast<std::size_t>(size)}, 0600));
  } else {
    if (!stored.ok()) return stored.status();
    const Memory memory(BIO_new_mem_buf(stored->data(), static_cast<int>(stored->size())));
    key.reset(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
  }
  std::unique_ptr<SigningKey> out(new SigningKey(std::move(key)));
  BIGNUM* x = nullptr;
  BIGNUM* y = nullptr;
  if (out->key_ == nullptr || EVP_PKEY_is_a(out->key_.get(), "EC") != 1 ||
      EVP_PKEY_get_bits(out->key_.get()) != 256 ||
      EVP_PKEY_get_bn_param(out->key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
      EVP_PKEY_get_bn_param(out->key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1) {
    return Status(Code::kDataLoss, "the key in " + path + " is damaged",
                  "remove the file; everybody signs in anew after the next start");
  }
  const Number own_x(x);
  const Number own_y(y);
  const auto coordinate = [](const BIGNUM* number) {
    std::string bytes(kCoordinateBytes, '\0');
    (void)BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                       static_cast<int>(bytes.size()));
    return EncodeBase64Url(bytes);
  };
  json& jwk = out->public_jwk_;
  jwk = {{"kty", "EC"}, {"crv", "P-256"}, {"alg", "ES256"}, {"use", "sig"}};
  jwk["x"] = coordinate(x);
  jwk["y"] = coordinate(y);
  jwk["kid"] = Sha256::Hex(jwk["x"].get<std::string>() + jwk["y"].get<std::string>()).substr(0, 16);
  JOEY_ASSIGN_OR_RETURN(VerifyKey verify, VerifyKey::FromJwk(jwk));
  out->verify_key_ = std::make_unique<VerifyKey>(std::move(verify));
  return out;
}

std::string SigningKey::Sign(const json& claims) const {
  const json header = {{"alg", "ES256"}, {"typ", "JWT"}, {"kid", verify_key_->kid()}};
  std::string out = EncodeBase64Url(header.dump()) + "." +
                    EncodeBase64Url(claims.dump(-1, ' ', false, json::error_handler_t::replace));
  const Digest context(EVP_MD_CTX_new());
  std::string der(128, '\0');
  std::size_t size = der.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, Bytes(out),
                     out.size()) != 1) {
    std::abort();  // a key that was checked at the start signs
  }
  der.resize(size);
  return out + "." + EncodeBase64Url(RawSignature(der).value());
}

Result<json> VerifyJwt(std::string_view token, const FindKey& find, std::int64_t skew_seconds) {
  if (token.size() > kTokenBytesMax) return BadToken("is too long");
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) {
    return BadToken("is not one of this server");
  }
  const auto header = ParseObject(DecodeBase64Url(token.substr(0, first)));
  const auto signature = DecodeBase64Url(token.substr(last + 1));
  if (!header || !signature) return BadToken("is no JSON web token");
  // Extensions that must be understood: there are none.
  if (header->contains("crit")) return BadToken("has critical extensions");
  const VerifyKey* key = find(Text(*header, "kid"));
  if (key == nullptr) return BadToken("is signed by nobody this server trusts");
  if (Text(*header, "alg") != key->algorithm() || !key->Verify(token.substr(0, last), *signature)) {
    return BadToken("has a wrong signature");
  }
  auto claims = ParseObject(DecodeBase64Url(token.substr(first + 1, last - first - 1)));
  if (!claims) return BadToken("has no claims");
  const std::int64_t now = NowMicros() / 1000000;
  const auto expires = Seconds(*claims, "exp");
  if (!expires || now >= *expires + skew_seconds) return BadToken("has expired");
  const auto not_before = Seconds(*claims, "nbf");
  if (not_before && (*not_before < 0 || now + skew_seconds < *not_before)) {
    return BadToken("is not valid yet");
  }
  return std::move(*claims);
}

}  // namespace joey::auth
