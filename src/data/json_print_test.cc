#include "data/json_print.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace joey {
namespace {

std::string Printed(std::string_view text) {
  std::string out = "x";
  AppendJsonString(out, text);
  return out.substr(1);
}

TEST(JsonPrint, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(Printed(""), "\"\"");
  EXPECT_EQ(Printed("plain"), "\"plain\"");
  EXPECT_EQ(Printed("\"a\"\\b"), "\"\\\"a\\\"\\\\b\"");
  EXPECT_EQ(Printed("a\nb\tc\rd"), "\"a\\nb\\tc\\rd\"");
  EXPECT_EQ(Printed(std::string_view("\0\x1f", 2)), "\"\\u0000\\u001f\"");
  EXPECT_EQ(Printed("größer \x7f"), "\"größer \x7f\"");
}

TEST(JsonPrint, EveryAsciiCharacterAnywhereIsReadBack) {
  for (int c = 0; c < 128; ++c) {
    const std::string one(1, static_cast<char>(c));
    for (const std::string& text : {one, one + "ab", "ab" + one, "a" + one + one + "b"}) {
      EXPECT_EQ(nlohmann::json::parse(Printed(text)).get<std::string>(), text) << c;
    }
  }
}

}  // namespace
}  // namespace joey
