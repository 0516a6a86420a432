#include "data/number_list.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace joey {
namespace {

// The list's numbers, or nothing when it is refused.
std::vector<double> Parsed(const std::string& list, bool& ok) {
  const std::string text = list + std::string(64, '#');
  std::vector<double> out;
  const char* end = ParseNumberList(text.data(), out);
  ok = end != nullptr;
  if (ok) {
    EXPECT_EQ(static_cast<std::size_t>(end - text.data()), list.size()) << list;
  }
  return out;
}

std::string RandomNumber(std::mt19937& random) {
  const auto below = [&](unsigned n) { return random() % n; };
  std::string out = below(2) ? "-" : "";
  unsigned whole = 1 + below(below(4) ? 3 : 18);
  if (below(3) == 0) {
    out += '0';
  } else {
    out += static_cast<char>('1' + below(9));
    while (--whole > 0) out += static_cast<char>('0' + below(10));
  }
  if (below(4)) {
    out += '.';
    for (unsigned digits = 1 + below(below(4) ? 11 : 30); digits > 0; --digits) {
      out += static_cast<char>('0' + below(10));
    }
  }
  if (below(8) == 0) {
    out += below(2) ? 'e' : 'E';
    const char* const signs[] = {"", "-", "+"};
    out += signs[below(3)];
    out += std::to_string(below(below(3) ? 30 : 300));
  }
  return out;
}

TEST(NumberList, EveryFormGivesWhatStrtodGives) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string list = "[";
    std::vector<double> expected;
    for (unsigned i = 0, n = random() % 80; i < n; ++i) {
      const std::string number = RandomNumber(random);
      const double value = std::strtod(number.c_str(), nullptr);
      if (!std::isfinite(value)) continue;
      if (!expected.empty()) list += random() % 4 ? "," : random() % 2 ? ", " : "\n,\t ";
      list += number;
      expected.push_back(value);
    }
    list += ']';
    bool ok = false;
    const std::vector<double> values = Parsed(list, ok);
    ASSERT_TRUE(ok) << list;
    ASSERT_EQ(values.size(), expected.size()) << list;
    // Bit by bit: a negative zero is one.
    ASSERT_TRUE(expected.empty() ||
                std::memcmp(values.data(), expected.data(), values.size() * 8) == 0)
        << list;
  }
}

TEST(NumberList, RoundsAsTheStandardLibraryDoes) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    char text[160];
    double value =
        std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 200) - 150);
    std::snprintf(text, sizeof text, i % 2 ? "[%.*g]        " : "[%.*f]        ",
                  static_cast<int>(random() % 19), i % 2 ? value : value / 1e30);
    std::vector<double> out;
    ASSERT_NE(ParseNumberList(text, out), nullptr) << text;
    ASSERT_EQ(out[0], std::strtod(text + 1, nullptr)) << text;
  }
}

TEST(NumberList, WhatIsNoListOfNumbersIsLeftToOthers) {
  for (const char* list :
       {"[1,]",    "[,1]",  "[-]",     "[.5]",   "[5.]",    "[01]",
        "[-01.5]", "[00]",  "[1.2.3]", "[1..2]", "[--1]",   "[+1]",
        "[1e]",    "[1e+]", "[\"1\"]", "[null]", "[[1]]",   "[1 2]",
        "[1}",     "[NaN]", "[1:2]",   "[0x1]",  "[1e999]", "[12345678901234567890123e999]",
        "[1/2]",   "[1;2]", "[ ,]"}) {
    bool ok = true;
    const std::vector<double> values = Parsed(list, ok);
    EXPECT_FALSE(ok) << list;
    EXPECT_TRUE(values.empty()) << list;
  }
}

TEST(NumberList, WhatWasThereStays) {
  std::vector<double> out = {1, 2};
  const std::string bad = "[" + std::string(70 * 2, '3') + ",x]" + std::string(64, ' ');
  EXPECT_EQ(ParseNumberList(bad.data(), out), nullptr);
  EXPECT_EQ(out, (std::vector<double>{1, 2}));
}

}  // namespace
}  // namespace joey
