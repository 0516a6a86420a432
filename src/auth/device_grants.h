// Sign-in of programs without a browser of their own (RFC 8628): the program shows a short code,
// somebody who is signed in confirms it, the program gets tokens. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/records.h"
#include "store/database.h"

namespace joey::auth {

struct DeviceGrant {
  std::string user_code;  // "LGZP-FIQX"
  std::string address;    // of the program that asked
  std::int64_t created_at = 0;
};

class DeviceGrants {
 public:
  explicit DeviceGrants(Database& database) : database_(database) {}

  struct Begun {
    std::string device_code;  // secret of the program
    std::string user_code;
  };
  // ResourceExhausted while kDeviceGrantsMax of them wait.
  Result<Begun> Begin(std::string_view address);

  enum class State { kPending, kTooFast, kDenied, kApproved, kGone };
  struct Answer {
    State state = State::kGone;
    std::string user_id;  // of kApproved; the grant is used up then
  };
  Result<Answer> Poll(std::string_view device_code);

  // A grant that waits for somebody; nullopt when there is none of that code, or not any more. Case
  // and dashes of the code do not matter.
  Result<std::optional<DeviceGrant>> Find(std::string_view user_code);
  // False when there was nothing to decide any more.
  Result<bool> Decide(std::string_view user_code, bool approve, const control::User& user);

 private:
  Database& database_;
};

}  // namespace joey::auth
