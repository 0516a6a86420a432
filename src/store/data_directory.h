// The layout of `--data`, owned by one joey serve at a time.
#pragma once

#include <memory>
#include <string>

#include "base/files.h"
#include "base/status.h"

namespace joey {

class DataDirectory {
 public:
  // Makes the directories (readable by their owner only) and takes the lock, which is held until
  // this is destroyed or the process ends, however it ends. FailedPrecondition when another process
  // holds it. What uploads a killed process left behind is removed.
  static Result<std::unique_ptr<DataDirectory>> Open(const std::string& path);

  const std::string& root() const { return root_; }  // absolute
  std::string database() const { return root_ + "/joey.db"; }
  std::string models() const { return root_ + "/models"; }
  std::string uploads() const { return root_ + "/uploads"; }
  std::string logs() const { return root_ + "/logs"; }
  std::string spool() const { return root_ + "/spool"; }
  std::string run() const { return root_ + "/run"; }
  // Of Secrets.
  std::string secrets_key() const { return root_ + "/secrets/metadata.key"; }
  std::string address_file() const { return root_ + "/run/address"; }

  // The key that access tokens are signed with.
  std::string identity_key() const { return root_ + "/secrets/identity.pem"; }

  // The secret with which engines send their logs; made at the first start, readable by the owner.
  Result<std::string> IngestToken() const;

 private:
  DataDirectory() = default;
  std::string root_;
  UniqueFd lock_;
};

}  // namespace joey
