#include "engine/flight_command.h"

#include <gtest/gtest.h>

namespace joey::engine {
namespace {

TEST(FlightCommand, DefaultsAreThoseOfTheSdk) {
  for (std::string_view command : {"", "{}", R"({"dataset": "*"})"}) {
    auto options = ReadFlightCommand("p", {}, command);
    ASSERT_TRUE(options.ok()) << command;
    EXPECT_EQ(options->separator, ".");
    EXPECT_TRUE(options->dataset.Selects("in.x"));
    EXPECT_TRUE(options->dataset.Selects("anomaly.count"));
    EXPECT_FALSE(options->dataset.Selects("metadata.elapsed"));
  }
}

TEST(FlightCommand, NamesAndExclusions) {
  auto options = ReadFlightCommand(
      "p", {"p"}, R"({"dataset": ["*", "metadata"], "dataset_exclude": "in", "pipeline": "p"})");
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->dataset.Selects("in.x"));
  EXPECT_TRUE(options->dataset.Selects("out.x"));
  EXPECT_TRUE(options->dataset.Selects("metadata.elapsed"));
  options =
      ReadFlightCommand("p", {}, R"({"dataset": ["metadata.elapsed"], "dataset_separator": ""})");
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->dataset.Selects("metadata.elapsed"));
  EXPECT_FALSE(options->dataset.Selects("metadata.partition"));
  EXPECT_EQ(options->separator, "");
}

TEST(FlightCommand, OtherPipelinesAreNotFound) {
  using Path = std::vector<std::string>;
  for (const Path& path : {Path{"q"}, Path{""}, Path{"p", "p"}})
    EXPECT_EQ(ReadFlightCommand("p", path, "").status().code(), Code::kNotFound);
  EXPECT_EQ(ReadFlightCommand("p", {}, R"({"pipeline": "q"})").status().code(), Code::kNotFound);
}

TEST(FlightCommand, WhatIsNotUnderstoodIsNamed) {
  for (std::string_view command :
       {"x", "[]", "1", "null", "{", R"({"dataset": 1})", R"({"dataset": [1]})",
        R"({"dataset_exclude": {}})", R"({"dataset_separator": 1})", R"({"pipeline": 1})",
        R"({"datasets": []})", "\xff"}) {
    Status status = ReadFlightCommand("p", {}, command).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << command;
    EXPECT_FALSE(status.hint().empty()) << command;
  }
}

}  // namespace
}  // namespace joey::engine
