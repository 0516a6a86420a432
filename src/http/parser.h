// Strict HTTP/1.1 message heads and chunked bodies, without allocation per field.
//
// Written for the path of an inference: a head is parsed in one pass into views of the received
// bytes. Strict on purpose (RFC 9112): bare LF, folded lines, control characters, two lengths, or a
// length beside a transfer coding are errors, so that two servers in a row never read one byte
// stream in two ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "http/message.h"

namespace joey::http {

struct Head {
  // Requests
  std::string_view method;
  std::string_view target;
  // Responses
  int status = 0;
  // Both
  HeaderViews headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
};

// `head` is everything up to and with the empty line. An error carries the HTTP meaning in its
// code: kInvalidArgument (400), kResourceExhausted (431, too many fields), kUnimplemented (501,
// unknown transfer coding).
Status ParseRequestHead(std::string_view head, Head& out);
Status ParseResponseHead(std::string_view head, Head& out);

// Length of the head at the start of `bytes` with its empty line, 0 while it is incomplete.
// `searched` is where the last search stopped, so that slow senders do not cost quadratic time.
std::size_t FindHeadEnd(std::string_view bytes, std::size_t& searched);

// Decodes Transfer-Encoding: chunked.
class ChunkDecoder {
 public:
  // Consumes from `in` and returns the next piece of data (empty when more input is needed or at
  // the end).
  Result<std::string_view> Next(std::string_view& in);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kEndLf,
    kDone
  };
  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;
  int size_digits_ = 0;
  std::size_t line_bytes_ = 0;
};

}  // namespace joey::http
