#include "http/content_coding.h"

#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "base/limits.h"
#include "http/header_value.h"

namespace joey::http {

namespace {

enum class Coding { kGzip, kZstd };

constexpr std::size_t kFirstBytes = 64 * 1024;             // of output, taken at once
constexpr std::size_t kPieceBytes = std::size_t{1} << 30;  // zlib counts in 32 bits
constexpr int kGzipLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // 32 KiB, with gzip's header and check
constexpr int kZstdLevel = 1;

std::optional<Coding> CodingOf(std::string_view name) {
  if (EqualsIgnoreCase(name, "gzip") || EqualsIgnoreCase(name, "x-gzip")) return Coding::kGzip;
  if (EqualsIgnoreCase(name, "zstd")) return Coding::kZstd;
  return std::nullopt;
}

std::string_view CodingName(Coding coding) { return coding == Coding::kGzip ? "gzip" : "zstd"; }

// In the order they were applied.
Result<std::vector<Coding>> CodingsOf(const Request& request) {
  std::vector<Coding> codings;
  for (const auto& [name, value] : request.headers) {
    if (!EqualsIgnoreCase(name, "content-encoding")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      std::string_view coding_name = NextPiece(rest, ',');
      if (coding_name.empty() || EqualsIgnoreCase(coding_name, "identity")) continue;
      std::optional<Coding> coding = CodingOf(coding_name);
      if (!coding) {
        return Status(Code::kUnsupportedMediaType,
                      "Content-Encoding '" + std::string(coding_name) + "' is not understood",
                      "send the body as gzip, as zstd or as it is");
      }
      if (codings.size() == limits::kContentCodingsMax) {
        return Status(Code::kUnsupportedMediaType,
                      "the body is compressed more than " +
                          std::to_string(limits::kContentCodingsMax) + " times",
                      "compress it once");
      }
      codings.push_back(*coding);
    }
  }
  return codings;
}

Status Broken(Coding coding, std::string_view what) {
  return InvalidArgument(
      "the body is no valid " + std::string(CodingName(coding)) + ": " + std::string(what),
      "send all of the compressed bytes and nothing else, or do not name a "
      "Content-Encoding");
}

Status TooLarge(std::size_t bytes_max) {
  return {Code::kPayloadTooLarge,
          "the body expands to more than " + std::to_string(bytes_max) + " bytes",
          "send fewer rows per request"};
}

// Addresses for `capacity` bytes; the memory behind them is taken page by page, as it is written.
Body MappedBody(std::size_t capacity) {
  const std::size_t size = capacity + Body::kPadding;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return Body::Over({static_cast<char*>(memory), [size](char* p) { ::munmap(p, size); }}, capacity);
}

// Where expanded bytes go: up to one byte more than is allowed, which tells "full" from "more".
class Output {
 public:
  Output(std::uint64_t claimed_bytes, std::size_t bytes_max) : bytes_max_(bytes_max) {
    const std::size_t first = claimed_bytes < kFirstBytes ? claimed_bytes + 1 : kFirstBytes;
    body_.Reserve(std::min(first, bytes_max_ + 1));
  }

  // Room for at least one byte, as long as it is not full().
  std::size_t Room() {
    if (body_.size() == body_.capacity()) {
      // Growing by steps would hold two copies, and leave the heap in pieces.
      Body large = MappedBody(bytes_max_ + 1);
      large.Append(body_.view());
      body_ = std::move(large);
    }
    return body_.capacity() - body_.size();
  }
  char* tail() { return body_.tail(); }
  void Commit(std::size_t count) { body_.Commit(count); }
  bool full() const { return body_.size() > bytes_max_; }
  Body Take() { return std::move(body_); }

 private:
  const std::size_t bytes_max_;
  Body body_;
};

// The size of the (last) member modulo 2^32, at the end of every gzip file.
std::uint64_t ClaimedGzipSize(std::string_view text) {
  if (text.size() < 4) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < 4; ++i)
    size |= std::uint64_t{static_cast<unsigned char>(text[text.size() - 4 + i])} << (8 * i);
  return size;
}

Result<Body> ExpandGzip(std::string_view text, std::size_t bytes_max) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return ResourceExhausted("not enough memory");
  std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  Output output(ClaimedGzipSize(text), bytes_max);
  while (true) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(std::min(text.size(), kPieceBytes));
    const std::size_t given = stream.avail_in;
    const std::size_t room = std::min(output.Room(), kPieceBytes);
    stream.next_out = reinterpret_cast<Bytef*>(output.tail());
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    text.remove_prefix(given - stream.avail_in);
    output.Commit(room - stream.avail_out);
    if (output.full()) return TooLarge(bytes_max);
    if (result == Z_STREAM_END) {
      if (text.empty()) return output.Take();
      inflateReset(&stream);  // another member follows
    } else if (result == Z_MEM_ERROR) {
      return ResourceExhausted("not enough memory for this request", "send fewer rows per request");
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Broken(Coding::kGzip, stream.msg == nullptr ? "not in its format" : stream.msg);
    } else if (text.empty() && stream.avail_out > 0) {
      return Broken(Coding::kGzip, "it ends early");
    }
  }
}

Result<Body> ExpandZstd(std::string_view text, std::size_t bytes_max) {
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) return ResourceExhausted("not enough memory");
  // Unknown and wrong sizes are huge ones.
  const std::uint64_t claimed = ZSTD_getFrameContentSize(text.data(), text.size());
  Output output(claimed, bytes_max);
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  while (true) {
    const std::size_t room = output.Room();
    ZSTD_outBuffer out{output.tail(), room, 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &out, &in);
    output.Commit(out.pos);
    if (output.full()) return TooLarge(bytes_max);
    if (ZSTD_isError(left)) return Broken(Coding::kZstd, ZSTD_getErrorName(left));
    if (in.pos < in.size) continue;  // further frames too
    if (left == 0) return output.Take();
    if (out.pos < out.size) return Broken(Coding::kZstd, "it ends early");
  }
}

std::string CompressGzip(const std::vector<std::string_view>& pieces) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  std::string out;
  const auto run = [&](std::string_view bytes, int flush) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    do {
      const std::size_t before = out.size();
      out.resize(before + kFirstBytes);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream.avail_out = static_cast<uInt>(kFirstBytes);
      deflate(&stream, flush);
      out.resize(before + kFirstBytes - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const std::size_t size = std::min(piece.size(), kPieceBytes);
      run(piece.substr(0, size), Z_NO_FLUSH);
      piece.remove_prefix(size);
    }
  }
  run({}, Z_FINISH);
  return out;
}

std::string CompressZstd(const std::vector<std::string_view>& pieces) {
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (context == nullptr) return {};
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  std::string out;
  const auto run = [&](std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      const std::size_t before = out.size();
      out.resize(before + kFirstBytes);
      ZSTD_outBuffer piece{out.data() + before, kFirstBytes, 0};
      const std::size_t left = ZSTD_compressStream2(context.get(), &piece, &in, directive);
      out.resize(before + piece.pos);
      if (ZSTD_isError(left)) return false;
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return true;
    }
  };
  for (std::string_view piece : pieces) {
    if (!run(piece, ZSTD_e_continue)) return {};
  }
  return run({}, ZSTD_e_end) ? out : std::string();
}

// `gzip, zstd;q=0.5`: whether `coding` is named and its weight is not 0.
bool Accepts(const Request& request, Coding coding) {
  std::string_view rest = request.Header("accept-encoding");
  while (!rest.empty()) {
    std::string_view parameters = NextPiece(rest, ',');
    if (CodingOf(NextPiece(parameters, ';')) != coding) continue;
    std::string_view weight = NextPiece(parameters, ';');
    return !weight.starts_with("q=0") || weight.find_first_of("123456789") != std::string::npos;
  }
  return false;
}

}  // namespace

bool IsEncoded(const Request& request) { return !request.Header("content-encoding").empty(); }

Status DecodeBody(Request& request, std::size_t bytes_max) {
  JOEY_ASSIGN_OR_RETURN(std::vector<Coding> codings, CodingsOf(request));
  Body body = request.body;
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    auto expand = *coding == Coding::kGzip ? ExpandGzip : ExpandZstd;
    JOEY_ASSIGN_OR_RETURN(body, expand(body.view(), bytes_max));
  }
  request.body = std::move(body);
  return {};
}

void EncodeAnswer(const Request& request, Response& response) {
  if (response.status != 200 || response.BodySize() < limits::kCompressAnswerBytesMin) return;
  Result<std::vector<Coding>> codings = CodingsOf(request);
  if (!codings.ok() || codings->empty() || !Accepts(request, codings->back())) return;
  std::vector<std::string_view> pieces;
  for (const BodyPart& part : response.parts) pieces.push_back(part.bytes);
  if (pieces.empty()) pieces.push_back(response.body);
  const Coding coding = codings->back();
  std::string encoded = coding == Coding::kGzip ? CompressGzip(pieces) : CompressZstd(pieces);
  if (encoded.empty() || encoded.size() >= response.BodySize()) return;
  response.parts.clear();
  response.body = std::move(encoded);
  response.headers.emplace_back("Content-Encoding", CodingName(coding));
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

}  // namespace joey::http
