#include "store/secrets.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/sha256.h"

namespace joey {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kMarkBytes = 16;  // of GCM: proof that nothing was changed
constexpr std::size_t kKeyFileBytesMax = 4096;
constexpr std::string_view kForm = "v1:";

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string Fingerprint(const std::string& key) {
  return Sha256::Hex("joey secrets fingerprint" + key).substr(0, 32);
}

Result<std::string> ReadKey(const std::string& path) {
  JOEY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kKeyFileBytesMax));
  // 32 bytes in hexadecimal look like a SHA-256.
  if (!IsSha256Hex(text)) {
    return Status(Code::kDataLoss, "the key of secrets in " + path + " is damaged",
                  "put the file back from a backup");
  }
  return *FromHex(text);
}

Result<std::optional<std::string>> StoredFingerprint(Database& database) {
  std::optional<std::string> found;
  JOEY_RETURN_IF_ERROR(database.Read([&](Connection& connection) {
    return connection.Query("SELECT fingerprint FROM secret_key", {},
                            [&](const SqlRow& row) { found = row.Text(0); });
  }));
  return found;
}

}  // namespace

Result<Secrets> Secrets::Open(Database& database, const std::string& key_file) {
  JOEY_ASSIGN_OR_RETURN(const auto fingerprint, StoredFingerprint(database));
  Result<std::string> key = ReadKey(key_file);
  if (key.status().code() == Code::kNotFound) {
    if (fingerprint) {
      return FailedPrecondition(
          "the key of secrets " + key_file +
              " is missing: nothing that was encrypted with it, "
              "such as the details of connections, can be read",
          "put the file back from a backup, or copy it from the server that shares the database");
    }
    const std::string text = RandomHex(kKeyBytes);
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(key_file, text, 0600));
    key = *FromHex(text);
  }
  if (!key.ok()) return key.status();
  const std::string own = Fingerprint(*key);
  if (!fingerprint) {
    JOEY_RETURN_IF_ERROR(database.Write([&](Connection& connection) {
      return connection.Run("INSERT INTO secret_key(id, fingerprint) VALUES (1, ?)", {own})
          .status();
    }));
  } else if (*fingerprint != own) {
    return FailedPrecondition(
        "the key of secrets " + key_file + " is not the one that the database was written with",
        "put the right file back from a backup, or copy it from the server that shares the "
        "database");
  }
  return Secrets(*key);
}

Result<std::string> Secrets::Seal(std::string_view secret, std::string_view context) const {
  const std::string nonce = *FromHex(RandomHex(kNonceBytes));
  std::string sealed(secret.size(), '\0');
  std::string mark(kMarkBytes, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int length = 0;
  int rest = 0;
  // OpenSSL wants an output for the end, even where GCM has none.
  std::array<unsigned char, kMarkBytes> nothing;
  const bool done =
      cipher != nullptr &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Bytes(std::string_view(key_)),
                         Bytes(std::string_view(nonce))) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, Bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), Bytes(sealed), &length, Bytes(secret),
                        static_cast<int>(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), nothing.data(), &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kMarkBytes, mark.data()) == 1;
  if (!done) return Internal("a secret could not be encrypted");
  return std::string(kForm) + ToHex(nonce + mark + sealed);
}

Result<std::string> Secrets::Unseal(std::string_view sealed, std::string_view context) const {
  const Status damaged(Code::kDataLoss,
                       "a stored secret is damaged or was encrypted with another key",
                       "enter it again, or restore the database and its key from one backup");
  if (!sealed.starts_with(kForm)) return damaged;
  const std::optional<std::string> bytes = FromHex(sealed.substr(kForm.size()));
  if (!bytes || bytes->size() < kNonceBytes + kMarkBytes) return damaged;
  const std::string_view all = *bytes;
  std::string mark(all.substr(kNonceBytes, kMarkBytes));
  const std::string_view body = all.substr(kNonceBytes + kMarkBytes);
  std::string secret(body.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int length = 0;
  std::array<unsigned char, kMarkBytes> nothing;
  const bool done =
      cipher != nullptr &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Bytes(std::string_view(key_)),
                         Bytes(all.substr(0, kNonceBytes))) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, Bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Bytes(secret), &length, Bytes(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kMarkBytes, mark.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), nothing.data(), &length) == 1;
  if (!done) return damaged;
  return secret;
}

}  // namespace joey
