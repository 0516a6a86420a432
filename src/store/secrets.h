// Secrets of users (details of connections, tokens of registries) at rest: AES-256-GCM under one
// key, which lies in a file beside the database and never in it.
//
// The database remembers a fingerprint of the key, so that a lost or exchanged key file is noticed
// at start and not when the first secret is wanted. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "store/database.h"

namespace joey {

class Secrets {
 public:
  // Reads the key of `key_file`, or makes one (readable by its owner only) where neither the file
  // nor the database knows of any. FailedPrecondition when the file is missing or holds another key
  // than the database was written with; DataLoss when it holds no key.
  static Result<Secrets> Open(Database& database, const std::string& key_file);

  // `context` says what the secret belongs to, for example "connection:<id>"; only with the same
  // one it can be opened, so that a sealed text moved to another row is of no use there.
  Result<std::string> Seal(std::string_view secret, std::string_view context) const;
  // DataLoss when the text was changed, or sealed for another context or under another key.
  Result<std::string> Unseal(std::string_view sealed, std::string_view context) const;

 private:
  explicit Secrets(std::string key) : key_(std::move(key)) {}

  std::string key_;  // 32 bytes
};

}  // namespace joey
