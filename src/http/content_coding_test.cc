#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <random>

#include "base/limits.h"

namespace joey::http {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMax = 1 << 20;

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

Result<std::string> Decode(std::string_view body, std::string_view encoding,
                           std::size_t bytes_max = kMax) {
  Request request;
  request.headers = {{"Content-Encoding", encoding}};
  request.body = body;
  Status status = DecodeBody(request, bytes_max);
  if (!status.ok()) {
    EXPECT_EQ(request.body.view(), body);
    EXPECT_FALSE(status.hint().empty()) << status.message();
    return status;
  }
  return std::string(request.body);
}

Code CodeOf(std::string_view body, std::string_view encoding, std::size_t bytes_max = kMax) {
  return Decode(body, encoding, bytes_max).status().code();
}

// Text that compresses to about a third.
std::string Sample(std::size_t bytes, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string out;
  while (out.size() < bytes) out += std::to_string(random() % 1000) + ", ";
  out.resize(bytes);
  return out;
}

struct Form {
  const char* name;
  std::string (*encode)(std::string_view);
};
constexpr Form kForms[] = {{"gzip", Gzip}, {"zstd", Zstd}};

TEST(ContentCoding, GivesBackWhatWasEncoded) {
  for (const Form& form : kForms) {
    for (std::size_t size : {0u, 1u, 63u, 65535u, 65536u, 65537u, 200000u, 1u << 20}) {
      std::string text = Sample(size);
      auto decoded = Decode(form.encode(text), form.name);
      ASSERT_TRUE(decoded.ok()) << form.name << size << decoded.status().ToString();
      EXPECT_TRUE(*decoded == text) << form.name << size;
    }
  }
}

TEST(ContentCoding, NamesAndChains) {
  const std::string text = Sample(1000);
  EXPECT_EQ(Decode(Gzip(text), "X-GZip").value(), text);
  EXPECT_EQ(Decode(text, "identity").value(), text);
  EXPECT_EQ(Decode(text, " , ").value(), text);
  EXPECT_EQ(Decode(Gzip(text), " identity ,gzip").value(), text);
  EXPECT_EQ(Decode(Zstd(Gzip(text)), "gzip, zstd").value(), text);
  EXPECT_EQ(CodeOf(Gzip(Zstd(text)), "gzip, zstd"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(Gzip(Gzip(Gzip(text))), "gzip, gzip, gzip"), Code::kUnsupportedMediaType);
  for (std::string_view name : {"br", "deflate", "gzip2", "gzip, br", "*", "gzip;q=1"})
    EXPECT_EQ(CodeOf(text, name), Code::kUnsupportedMediaType) << name;

  Request request;
  request.headers = {{"content-encoding", "gzip"}, {"Content-Encoding", "zstd"}};
  request.body.Assign(Zstd(Gzip(text)));
  ASSERT_TRUE(DecodeBody(request, kMax).ok());
  EXPECT_EQ(request.body.view(), text);
}

TEST(ContentCoding, SeveralMembersFollowEachOther) {
  const std::string one = Sample(100000, 1);
  const std::string two = Sample(70000, 2);
  for (const Form& form : kForms) {
    std::string encoded = form.encode(one) + form.encode("") + form.encode(two);
    EXPECT_TRUE(Decode(encoded, form.name).value() == one + two) << form.name;
    EXPECT_EQ(CodeOf(encoded, form.name, one.size() + two.size() - 1), Code::kPayloadTooLarge);
    EXPECT_TRUE(Decode(encoded, form.name, one.size() + two.size()).ok());
  }
}

TEST(ContentCoding, CutAnywhereItIsRefused) {
  const std::string text = Sample(3000);
  for (const Form& form : kForms) {
    const std::string encoded = form.encode(text);
    for (std::size_t size = 0; size < encoded.size(); ++size)
      ASSERT_EQ(CodeOf(encoded.substr(0, size), form.name), Code::kInvalidArgument)
          << form.name << size;
  }
}

TEST(ContentCoding, RubbishBehindItIsRefused) {
  for (const Form& form : kForms) {
    for (std::string_view tail : {"x"sv, "\n"sv, "\0\0\0\0"sv, "\x1f\x8b"sv, "[{}]"sv}) {
      EXPECT_EQ(CodeOf(form.encode("[1]") + std::string(tail), form.name), Code::kInvalidArgument)
          << form.name << tail;
    }
    EXPECT_EQ(CodeOf("[1, 2, 3]", form.name), Code::kInvalidArgument);
    EXPECT_EQ(CodeOf("", form.name), Code::kInvalidArgument);
  }
  EXPECT_EQ(CodeOf(Gzip("[1]"), "zstd"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(Zstd("[1]"), "gzip"), Code::kInvalidArgument);
}

// Both formats carry a check or claim a size: what is taken for good is what was sent, unless the
// change hit bits that mean nothing.
TEST(ContentCoding, ChangedBytesNeverDoHarm) {
  std::mt19937 random(5);
  const std::string text = Sample(20000);
  for (const Form& form : kForms) {
    const std::string encoded = form.encode(text);
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
      std::string changed = encoded;
      for (unsigned n = random() % 3 + 1; n > 0; --n)
        changed[random() % changed.size()] = static_cast<char>(random());
      auto decoded = Decode(changed, form.name);
      if (!decoded.ok()) {
        ++refused;
      } else {
        EXPECT_LE(decoded->size(), kMax);
      }
    }
    EXPECT_GT(refused, form.encode == Gzip ? 2900 : 1000) << form.name;
  }
}

TEST(ContentCoding, BombsEndAtTheLimit) {
  const std::string zeros(64 << 20, '\0');
  for (const Form& form : kForms) {
    const std::string bomb = form.encode(zeros);
    ASSERT_LT(bomb.size(), 100000u);
    EXPECT_EQ(CodeOf(bomb, form.name), Code::kPayloadTooLarge);
    EXPECT_EQ(CodeOf(bomb, form.name, zeros.size() - 1), Code::kPayloadTooLarge);
    EXPECT_TRUE(Decode(bomb, form.name, zeros.size()).ok());
    const std::string twice = std::string(form.name) + ", " + form.name;
    EXPECT_EQ(CodeOf(form.encode(bomb), twice), Code::kPayloadTooLarge);
  }
  // A claimed size is no reason to take memory: 2^31 zero bytes claimed by a frame of nothing.
  const unsigned char claims[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x80, 1, 0, 0};
  auto claimed =
      Decode({reinterpret_cast<const char*>(claims), sizeof claims}, "zstd", std::size_t{4} << 30);
  EXPECT_EQ(claimed.status().code(), Code::kInvalidArgument);
}

Response Encoded(std::string_view content_encoding, std::string_view accept, std::string text,
                 bool in_parts = false) {
  Request request;
  request.headers = {{"content-encoding", content_encoding}};
  if (!accept.empty()) request.headers.emplace_back("accept-encoding", accept);
  Response response = Response::Json(std::move(text));
  if (in_parts) {
    auto kept = std::make_shared<std::string>(std::move(response.body));
    response.body.clear();
    std::string_view all = *kept;
    response.parts.push_back({kept, all.substr(0, 1000)});
    response.parts.push_back({kept, {}});
    response.parts.push_back({kept, all.substr(1000)});
  }
  EncodeAnswer(request, response);
  return response;
}

TEST(ContentCoding, AnswersAreCompressedForThoseWhoCompressAndAsk) {
  const std::string text = Sample(500000);
  for (const Form& form : kForms) {
    for (bool in_parts : {false, true}) {
      Response answer = Encoded(form.name, "br, zstd;q=0.5,gzip", text, in_parts);
      EXPECT_LT(answer.BodySize(), text.size() * 2 / 3);
      ASSERT_EQ(answer.headers.size(), 2u);
      EXPECT_EQ(answer.headers[0].second, form.name);
      EXPECT_TRUE(Decode(answer.body, form.name).value() == text);
    }
    for (std::string_view accept : {"", "br", "identity", "*"})
      EXPECT_TRUE(Encoded(form.name, accept, text).body == text) << accept;
    for (std::string_view weight : {";q=0", "; q=0.000 "})
      EXPECT_TRUE(Encoded(form.name, form.name + std::string(weight), text).body == text);
    EXPECT_EQ(Encoded(form.name, "gzip, zstd", "[]").body, "[]");
  }
  EXPECT_TRUE(Encoded("gzip", "zstd", text).body == text);
}

}  // namespace
}  // namespace joey::http
