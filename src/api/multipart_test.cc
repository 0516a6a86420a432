#include "api/multipart.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"

namespace joey::api {
namespace {

constexpr char kBoundary[] = "xyz";

std::string Part(const std::string& disposition, const std::string& content) {
  return "--xyz\r\nContent-Disposition: form-data; " + disposition +
         "\r\nContent-Type: application/octet-stream\r\n\r\n" + content + "\r\n";
}

const std::string kEnd = "--xyz--\r\n";

std::string ErrorOf(const std::string& body) {
  auto parts = ParseMultipart(body, kBoundary);
  return parts.ok() ? "ok" : parts.status().message();
}

TEST(Multipart, ReadsParts) {
  const std::string content = "\r\n--xy\r\n\0\r\n-- and more";
  const std::string body = Part("name=\"metadata\"", "{}") +
                           Part("name=\"file\"; filename=\"m.onnx\"", content) +
                           Part("name=empty", "") + kEnd;
  auto parts = ParseMultipart(body, kBoundary);
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ((*parts)[0].content, "{}");
  EXPECT_FALSE((*parts)[0].file_name.has_value());
  EXPECT_EQ((*parts)[1].name, "file");
  EXPECT_EQ((*parts)[1].file_name, "m.onnx");
  EXPECT_EQ((*parts)[1].content, content);
  EXPECT_EQ(body.substr((*parts)[1].offset, content.size()), content);
  EXPECT_EQ((*parts)[2].name, "empty");
  EXPECT_EQ((*parts)[2].content, "");
}

TEST(Multipart, FileNamesAreOnlyText) {
  const auto name = [](const std::string& disposition) {
    auto parts = ParseMultipart(Part("name=file; " + disposition, "x") + kEnd, kBoundary);
    return parts.ok() ? (*parts)[0].file_name.value_or("none") : parts.status().message();
  };
  EXPECT_EQ(name("filename=\"../../etc/passwd\""), "../../etc/passwd");
  EXPECT_EQ(name("filename=\"a;b=c.onnx\""), "a;b=c.onnx");
  EXPECT_EQ(name("filename=\"say \\\"hi\\\"\""), "say \"hi\"");
  EXPECT_EQ(name("filename=\"C:\\models\\m\""), "C:\\models\\m");
  EXPECT_EQ(name("filename=\"\""), "");
  EXPECT_EQ(name("filename=\"x\"; filename*=UTF-8''gr%C3%BC%C3%9Fe"),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(name("filename*=latin1''x"), "none");
  EXPECT_EQ(name("filename=\"never closed"), "none");
}

TEST(Multipart, DamagedBodiesAreRefused) {
  const std::string good = Part("name=a", "x");
  EXPECT_EQ(ErrorOf(good + kEnd), "ok");
  EXPECT_NE(ErrorOf("").find("boundary"), std::string::npos);
  EXPECT_NE(ErrorOf("preamble" + good + kEnd).find("boundary"), std::string::npos);
  EXPECT_NE(ErrorOf(good).find("cut off"), std::string::npos);
  EXPECT_NE(ErrorOf(good + "--xyz").find("end of line"), std::string::npos);
  EXPECT_NE(ErrorOf(good + "--xyz\r\nContent").find("cut off"), std::string::npos);
  EXPECT_NE(ErrorOf(good + good + kEnd).find("two parts named 'a'"), std::string::npos);
  EXPECT_NE(ErrorOf("--xyz\r\n\r\nx\r\n" + kEnd).find("Content-Disposition"), std::string::npos);
  EXPECT_NE(ErrorOf("--xyz\r\nbroken\r\n\r\nx\r\n" + kEnd).find("colon"), std::string::npos);
  EXPECT_NE(ErrorOf(Part("filename=x", "x") + kEnd).find("name"), std::string::npos);
  EXPECT_NE(ErrorOf(Part("name=" + std::string(100, 'n'), "x") + kEnd).find("name"),
            std::string::npos);
  std::string many;
  for (int i = 0; i < 100; ++i) many += Part("name=n" + std::to_string(i), "x");
  EXPECT_NE(ErrorOf(many + kEnd).find("more than 8 parts"), std::string::npos);
  const std::string large(limits::kMultipartHeaderBytesMax + 1, 'h');
  EXPECT_NE(ErrorOf("--xyz\r\nX: " + large + "\r\n\r\nx\r\n" + kEnd).find("too large headers"),
            std::string::npos);
}

TEST(Multipart, SurvivesDamage) {
  const std::string body =
      Part("name=\"metadata\"", "{}") + Part("name=\"file\"; filename=\"m\"", "abc") + kEnd;
  for (std::size_t size = 0; size < body.size(); ++size) (void)ErrorOf(body.substr(0, size));
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string changed = body;
    for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<char>(random());
    (void)ErrorOf(changed);
  }
}

TEST(Multipart, Boundaries) {
  EXPECT_EQ(*BoundaryOf("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*BoundaryOf("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), "a b");
  EXPECT_EQ(BoundaryOf("application/json").status().code(), Code::kUnsupportedMediaType);
  EXPECT_EQ(BoundaryOf("").status().code(), Code::kUnsupportedMediaType);
  EXPECT_EQ(BoundaryOf("multipart/form-data").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(BoundaryOf("multipart/form-data; boundary=").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(BoundaryOf("multipart/form-data; boundary=" + std::string(71, 'b')).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(BoundaryOf("multipart/form-data; boundary=\"a\r\nb\"").status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace joey::api
