#include "http/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/limits.h"
#include "http/header_value.h"

namespace joey::http {

namespace {

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsToken(std::string_view text) {
  for (char c : text) {
    if (!kToken[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

// Field values: visible characters, spaces, tabs and bytes from 0x80 (RFC 9110 §5.5).
bool IsFieldValue(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

Status BadHead(std::string message) {
  return InvalidArgument("bad HTTP message: " + std::move(message));
}

Status ParseFields(std::string_view rest, Head& out) {
  bool has_transfer_encoding = false;
  while (rest != "\r\n") {
    std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return BadHead("a header line does not end");
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
      return BadHead("a header line has no valid name");
    }
    std::string_view name = line.substr(0, colon);
    std::string_view value = Trimmed(line.substr(colon + 1));
    if (!IsFieldValue(value)) return BadHead("a header value has control characters");
    if (out.headers.size() == limits::kHeaderCountMax) {
      return {Code::kResourceExhausted,
              "more than " + std::to_string(limits::kHeaderCountMax) + " header fields"};
    }
    out.headers.emplace_back(name, value);
    switch (name.size()) {
      case 6:
        if (EqualsIgnoreCase(name, "expect"))
          out.expect_continue = EqualsIgnoreCase(value, "100-continue");
        break;
      case 10:
        if (EqualsIgnoreCase(name, "connection")) {
          if (ListHas(value, "close")) out.keep_alive = false;
          if (ListHas(value, "keep-alive")) out.keep_alive = true;
        }
        break;
      case 14:
        if (EqualsIgnoreCase(name, "content-length")) {
          std::uint64_t length = 0;
          auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), length);
          if (error != std::errc() || stop != value.data() + value.size() || value.empty()) {
            return BadHead("Content-Length is not a number");
          }
          if (out.content_length) return BadHead("more than one Content-Length");
          out.content_length = length;
        }
        break;
      case 17:
        if (EqualsIgnoreCase(name, "transfer-encoding")) {
          if (has_transfer_encoding) return BadHead("more than one Transfer-Encoding");
          has_transfer_encoding = true;
          if (!EqualsIgnoreCase(value, "chunked")) {
            return {Code::kUnimplemented, "Transfer-Encoding other than chunked is not understood"};
          }
          out.chunked = true;
        }
        break;
      default:
        break;
    }
  }
  if (out.chunked && out.content_length) {
    return BadHead("both Content-Length and Transfer-Encoding");
  }
  return {};
}

}  // namespace

Status ParseRequestHead(std::string_view head, Head& out) {
  std::size_t end = head.find("\r\n");
  if (end == std::string_view::npos) return BadHead("no request line");
  std::string_view line = head.substr(0, end);
  std::size_t first = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return BadHead("the request line is incomplete");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  std::string_view version = line.substr(last + 1);
  if (!IsToken(out.method)) return BadHead("the method is not a token");
  if (out.target.empty() || out.target.front() != '/') return BadHead("the target is not a path");
  for (char c : out.target) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      return BadHead("the target has spaces or control characters");
    }
  }
  if (version == "HTTP/1.1") {
    out.keep_alive = true;
  } else if (version == "HTTP/1.0") {
    out.keep_alive = false;
  } else {
    return BadHead("only HTTP/1.1 and HTTP/1.0 are spoken");
  }
  JOEY_RETURN_IF_ERROR(ParseFields(head.substr(end + 2), out));
  const auto hosts = std::count_if(out.headers.begin(), out.headers.end(), [](const auto& field) {
    return EqualsIgnoreCase(field.first, "host");
  });
  if (hosts > 1 || (hosts == 0 && version == "HTTP/1.1")) {
    return BadHead("a request has exactly one Host");
  }
  return {};
}

Status ParseResponseHead(std::string_view head, Head& out) {
  std::size_t end = head.find("\r\n");
  if (end == std::string_view::npos || end < 12 || head.substr(0, 7) != "HTTP/1.") {
    return BadHead("no status line");
  }
  out.keep_alive = head[7] == '1';
  auto [stop, error] = std::from_chars(head.data() + 9, head.data() + 12, out.status);
  if (head[8] != ' ' || error != std::errc() || stop != head.data() + 12 || out.status < 100) {
    return BadHead("the status line has no status");
  }
  return ParseFields(head.substr(end + 2), out);
}

std::size_t FindHeadEnd(std::string_view bytes, std::size_t& searched) {
  std::size_t from = searched > 3 ? searched - 3 : 0;
  std::size_t found = bytes.find("\r\n\r\n", from);
  if (found != std::string_view::npos) return found + 4;
  searched = bytes.size();
  return 0;
}

Result<std::string_view> ChunkDecoder::Next(std::string_view& in) {
  constexpr std::size_t kLineBytesMax = 4096;  // of one size line or all trailers
  while (!in.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size()));
      std::string_view piece = in.substr(0, take);
      in.remove_prefix(take);
      remaining_ -= take;
      if (remaining_ == 0) state_ = State::kDataCr;
      return piece;
    }
    char c = in.front();
    in.remove_prefix(1);
    const auto fail = [] { return BadHead("a chunk is malformed"); };
    switch (state_) {
      case State::kSize: {
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit >= 0) {
          if (++size_digits_ > 15) return fail();
          remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
        } else if (size_digits_ > 0 && c == '\r') {
          state_ = State::kSizeLf;
        } else if (size_digits_ > 0 && c == ';') {
          state_ = State::kExtension;
        } else {
          return fail();
        }
        break;
      }
      case State::kExtension:
        if (++line_bytes_ > kLineBytesMax) return fail();
        if (c == '\r') state_ = State::kSizeLf;
        if (c == '\n') return fail();
        break;
      case State::kSizeLf:
        if (c != '\n') return fail();
        state_ = remaining_ == 0 ? State::kTrailer : State::kData;
        line_bytes_ = 0;
        break;
      case State::kDataCr:
        if (c != '\r') return fail();
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return fail();
        state_ = State::kSize;
        size_digits_ = 0;
        break;
      case State::kTrailer:  // at the start of a trailer line or of the last empty line
        if (c == '\r') {
          state_ = State::kEndLf;
          break;
        }
        state_ = State::kTrailerLf;
        [[fallthrough]];
      case State::kTrailerLf:  // trailers are read over
        if (++line_bytes_ > kLineBytesMax) return fail();
        if (c == '\n') state_ = State::kTrailer;
        break;
      case State::kEndLf:
        if (c != '\n') return fail();
        state_ = State::kDone;
        break;
      case State::kData:
      case State::kDone:
        break;
    }
  }
  return std::string_view();
}

}  // namespace joey::http
