#include "auth/password.h"

#include <argon2.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <semaphore>

#include "auth/limits.h"
#include "http/message.h"

namespace joey::auth {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::uint32_t kLanes = 1;

// A valid hash of nothing anybody knows: what a password is compared with where there is no user.
const std::string& NobodysHash() {
  static const std::string hash = [] {
    std::array<unsigned char, 32> secret{};
    (void)RAND_bytes(secret.data(), static_cast<int>(secret.size()));
    return HashPassword({reinterpret_cast<const char*>(secret.data()), secret.size()}).value();
  }();
  return hash;
}

class Turn {
 public:
  Turn() { turns_.acquire(); }
  ~Turn() { turns_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  static inline std::counting_semaphore<kPasswordHashesAtOnceMax> turns_{kPasswordHashesAtOnceMax};
};

}  // namespace

Status CheckNewPassword(std::string_view password, std::string_view email) {
  if (password.size() < kPasswordBytesMin) {
    return InvalidArgument(fmt::format("the password is shorter than {} bytes", kPasswordBytesMin),
                           "choose a longer one; a few words are easy to remember");
  }
  if (password.size() > kPasswordBytesMax) {
    return InvalidArgument(fmt::format("the password is longer than {} bytes", kPasswordBytesMax));
  }
  const std::string_view name = email.substr(0, email.find('@'));
  if (http::EqualsIgnoreCase(password, email) || http::EqualsIgnoreCase(password, name)) {
    return InvalidArgument("the password is the user's name", "choose another one");
  }
  return {};
}

Result<std::string> HashPassword(std::string_view password) {
  std::array<unsigned char, kSaltBytes> salt{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return Internal("the system gives no random numbers");
  }
  std::string encoded(argon2_encodedlen(kPasswordPasses, kPasswordMemoryKib, kLanes, kSaltBytes,
                                        kHashBytes, Argon2_id),
                      '\0');
  const Turn turn;
  const int error = argon2id_hash_encoded(kPasswordPasses, kPasswordMemoryKib, kLanes,
                                          password.data(), password.size(), salt.data(),
                                          salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (error != ARGON2_OK) {
    return ResourceExhausted(std::string("cannot hash a password: ") + argon2_error_message(error),
                             "free memory on the server");
  }
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool PasswordMatches(std::string_view password, const std::string& hash) {
  if (password.size() > kPasswordBytesMax) return false;
  const std::string& compared = hash.empty() ? NobodysHash() : hash;
  const Turn turn;
  // Compares in constant time.
  const bool same =
      argon2id_verify(compared.c_str(), password.data(), password.size()) == ARGON2_OK;
  return same && !hash.empty();
}

}  // namespace joey::auth
