// SHA-256 of data that arrives in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace joey {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // The digest as 64 lower-case hexadecimal digits. Once, after the last Update().
  std::string FinishHex();

  static std::string Hex(std::string_view bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Whether `text` is 64 lower-case hexadecimal digits.
bool IsSha256Hex(std::string_view text);

}  // namespace joey
