#include "control/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace joey::control {
namespace {

using testing::HasSubstr;

ModelVersion Version(const std::string& name, std::vector<ModelField> inputs,
                     std::vector<ModelField> outputs) {
  ModelVersion version;
  version.name = name;
  version.signature.inputs = std::move(inputs);
  version.signature.outputs = std::move(outputs);
  return version;
}

StepFields Step(const ModelVersion& version, const ModelConfig& config = {}) {
  StepFields step;
  step.models.push_back(FieldsOf(version, config).value());
  return step;
}

ModelConfig Named(std::vector<std::string> fields) {
  ModelConfig config;
  config.tensor_fields = std::move(fields);
  return config;
}

// add_validations(low=pl.col("out.<column>") < <literal>), as polars 0.18 writes it
std::string CheckOf(const std::string& column, const std::string& literal) {
  return R"({"Alias":[{"BinaryExpr":{"left":{"Column":"out.)" + column +
         R"("},"op":"Lt","right":{"Literal":)" + literal + R"(}}},"low"]})";
}

const ModelVersion kPrices =
    Version("prices", {{"x", "float32", {-1, 3}}}, {{"price", "float32", {-1, 1}}});

TEST(FitTest, StepsMeetByTheNamesOfTheConfiguration) {
  const ModelVersion next = Version("next", {{"in", "float32", {-1, 1}}}, {});
  Status status = CheckFit({}, {Step(kPrices), Step(next)});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("model 'next' takes in, but the step before it, model "
                                           "'prices', gives price"));
  EXPECT_THAT(status.ToString(), HasSubstr("tensor_fields=['price']"));
  EXPECT_TRUE(CheckFit({}, {Step(kPrices), Step(next, Named({"price"}))}).ok());
  EXPECT_EQ(FieldsOf(next, Named({"a", "b"})).status().code(), Code::kInvalidArgument);
}

TEST(FitTest, TypesAndSizesMeet) {
  const auto status = [](const ModelField& input) {
    return CheckFit({}, {Step(kPrices), Step(Version("next", {input}, {}))});
  };
  EXPECT_TRUE(status({"price", "float64", {-1, 1}}).ok());
  EXPECT_TRUE(status({"price", "int64", {-1, -1}}).ok());
  EXPECT_TRUE(status({"price", "float32", {-1}}).ok());  // perhaps of unknown rank
  EXPECT_TRUE(status({"price", "a type of later", {-1, 2}}).ok());
  EXPECT_THAT(status({"price", "string", {-1, 1}}).ToString(), HasSubstr("float32"));
  EXPECT_THAT(status({"price", "float32", {-1, 2}}).ToString(), HasSubstr("1 values a row"));
}

TEST(FitTest, WhatIsNotDeclaredIsLeftOpen) {
  const ModelVersion script = Version("script", {}, {});
  EXPECT_TRUE(CheckFit({}, {Step(kPrices), Step(script), Step(kPrices)}).ok());
  Plan plan;
  plan.checks = {CheckOf("anything", R"({"Float64":1.0})")};
  EXPECT_TRUE(CheckFit(plan, {Step(script)}).ok());
}

TEST(FitTest, ChecksReadWhatThereIs) {
  Plan plan;
  plan.checks = {CheckOf("prices", R"({"Float64":1.0})")};
  Status status = CheckFit(plan, {Step(kPrices)});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.ToString(),
              HasSubstr("reads 'out.prices', the model 'prices' gives out.price"));
}

TEST(FitTest, ChecksDoWhatTheTypeAllows) {
  Plan plan;
  plan.checks = {CheckOf("word", R"({"Float64":1.0})")};
  const ModelVersion words = Version("words", {}, {{"word", "string", {-1, 1}}});
  EXPECT_EQ(CheckFit(plan, {Step(words)}).code(), Code::kInvalidArgument);
  plan.checks = {CheckOf("word", R"({"String":"m"})")};
  const ModelVersion scalars = Version("words", {}, {{"word", "string", {-1}}});
  EXPECT_TRUE(CheckFit(plan, {Step(scalars)}).ok());
}

}  // namespace
}  // namespace joey::control
