#include "pipeline/definition.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pipeline/plan.h"

namespace joey {
namespace {

using nlohmann::json;

json Model(const char* name) {
  return {{"name", name},
          {"version", "6dbe5524-7bc3-4ff3-8ca8-d454b2cbd0e4"},
          {"sha", std::string(64, 'a')}};
}

json Inference(std::vector<json> models) { return {{"ModelInference", {{"models", models}}}}; }

std::string ErrorOf(const json& definition) {
  auto parsed = ParseDefinition(definition);
  return parsed.ok() ? "ok" : parsed.status().ToString();
}

TEST(Definition, KnownStepsAreStored) {
  EXPECT_EQ(ErrorOf(json::object()), "ok");
  EXPECT_EQ(ErrorOf({{"id", "p"}, {"steps", json::array()}}), "ok");
  EXPECT_EQ(
      ErrorOf({{"steps",
                {Inference({Model("a"), Model("b")}),
                 {{"AuditResults", {{"from", 1}, {"to", nullptr}}}},
                 {{"MultiOut", json::object()}},
                 {{"RandomSplit",
                   {{"hash_key", nullptr}, {"weights", {{{"model", Model("a")}, {"weight", 2}}}}}}},
                 {{"Check", {{"tree", {"{}"}}}}}}}}),
      "ok");
}

TEST(Definition, WhatIsWrongIsNamed) {
  const auto expect = [](const json& definition, const std::string& part) {
    EXPECT_NE(ErrorOf(definition).find(part), std::string::npos) << ErrorOf(definition);
  };
  const auto steps = [](json step) { return json{{"steps", json::array({std::move(step)})}}; };
  expect(json::array(), "not an object");
  expect({{"id", 3}}, "'definition.id'");
  expect({{"steps", json::object()}}, "'definition.steps'");
  expect(steps({{"ModelInferense", json::object()}}), "did you mean 'ModelInference'?");
  expect(steps({{"A", json::object()}, {"B", json::object()}}), "exactly one key");
  expect(steps("ModelInference"), "exactly one key");
  expect(steps({{"ModelInference", json::array()}}), "not an object");
  expect(steps({{"ModelInference", json::object()}}), "needs a list of models");
  expect(steps(Inference({})), "needs a list of models");
  json wrong = Model("a");
  wrong["version"] = "1";
  expect(steps(Inference({wrong})), "not a UUID");
  wrong = Model("a");
  wrong["sha"] = "../../etc/passwd";
  expect(steps(Inference({wrong})), "64 hexadecimal");
  expect(steps(Inference({json(3)})), "not an object");
  expect({{"steps", json(std::vector<json>(101, Inference({Model("a")})))}}, "at most 100");
}

std::string PlanError(std::vector<json> steps) {
  auto definition = ParseDefinition({{"steps", steps}});
  if (!definition.ok()) return definition.status().ToString();
  auto plan = MakePlan(*definition);
  return plan.ok() ? "ok" : plan.status().ToString();
}

json Weighted(const char* name, json weight) {
  return {{"model", Model(name)}, {"weight", std::move(weight)}};
}

TEST(Definition, SplitsAreChecked) {
  const auto expect = [](const json& split, const std::string& part) {
    const std::string error = ErrorOf({{"steps", {{{"RandomSplit", split}}}}});
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  expect({{"weights", json::array()}}, "list of weights");
  expect({{"weights", {Weighted("a", -1)}}}, "weight -1");
  expect({{"weights", {Weighted("a", 0), Weighted("b", 0)}}}, "not above 0");
  expect({{"weights", {Weighted("a", "2")}}}, "not {\"model\"");
  expect({{"weights", {Weighted("a", 1)}}, {"hash_key", 3}}, "'hash_key'");
}

TEST(Plan, WhatRuns) {
  EXPECT_NE(PlanError({}).find("no steps to deploy"), std::string::npos);
  EXPECT_NE(PlanError({{{"Average", json::object()}}}).find("cannot be deployed"),
            std::string::npos);
  EXPECT_NE(PlanError({{{"Nth", {{"index", 0}}}}}).find("no such model"), std::string::npos);
  EXPECT_NE(PlanError({Inference({Model("a"), Model("b"), Model("b")})}).find("'b' twice"),
            std::string::npos);
  const auto definition = ParseDefinition({{"steps",
                                            {Inference({Model("a"), Model("b")}),
                                             {{"AuditResults", {{"from", 1}, {"to", nullptr}}}},
                                             {{"MultiOut", json::object()}},
                                             {{"Check", {{"tree", {"{}"}}}}},
                                             Inference({Model("c"), Model("d")}),
                                             {{"Nth", {{"index", 1}}}}}}});
  ASSERT_TRUE(definition.ok());
  const auto plan = MakePlan(*definition);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->nodes.size(), 2u);
  EXPECT_EQ(plan->nodes[0].kind, NodeKind::kShadow);
  EXPECT_EQ(plan->nodes[1].kind, NodeKind::kModel);
  EXPECT_EQ(plan->nodes[1].models[0].name, "d");
  EXPECT_EQ(plan->checks.size(), 1u);
}

}  // namespace
}  // namespace joey
