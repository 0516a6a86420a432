#include "control/engine_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace joey::control {
namespace {

using nlohmann::json;

Result<EngineConfig> Parse(const char* engine) {
  return ParseEngineConfig({{"engine", json::parse(engine)},
                            {"enginelb", json::object()},
                            {"engineAux", {{"images", json::object()}}},
                            {"node_selector", json::object()}});
}

TEST(EngineConfig, Defaults) {
  for (const json& document :
       {json::object(), json{{"engine", json::object()}}, json{{"engine", nullptr}}}) {
    const auto config = ParseEngineConfig(document);
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->replicas, 1);
    EXPECT_EQ(config->cpus, 0);
    EXPECT_EQ(config->memory_bytes, 0);
    EXPECT_EQ(config->arch, "");
  }
}

TEST(EngineConfig, ReadsWhatTheBuilderWrites) {
  const auto config = Parse(
      R"({"replicas": 2, "cpu": 0.25, "gpu": 0, "arch": "x86", "image": "x/y:1",
          "resources": {"limits": {"cpu": 0.25, "memory": "1Gi", "nvidia.com/gpu": 0},
                        "requests": {"cpu": 0.25, "memory": "1Gi", "nvidia.com/gpu": 0}}})");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->replicas, 2);
  EXPECT_EQ(config->cpus, 0.25);
  EXPECT_EQ(config->memory_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(config->arch, "x86");
  EXPECT_EQ(Parse(R"({"resources": {"requests": {"cpu": "500m"}}})")->cpus, 0.5);
  EXPECT_EQ(Parse(R"({"replicas": 0})")->replicas, 0);
}

TEST(EngineConfig, WrongValuesAreNamed) {
  for (const char* engine :
       {R"({"replicas": -1})", R"({"replicas": 1.5})", R"({"replicas": "2"})",
        R"({"replicas": 100000})", R"({"replicas": 18446744073709551615})", R"({"cpu": 0})",
        R"({"cpu": -1})", R"({"cpu": "one"})", R"({"cpu": "1e400"})", R"({"cpu": []})",
        R"({"resources": {"limits": {"memory": "lots"}}})",
        R"({"resources": {"limits": {"memory": 1.5}}})", R"({"gpu": "1"})", R"({"arch": "sparc"})",
        "[]", "3"}) {
    EXPECT_EQ(Parse(engine).status().code(), Code::kInvalidArgument) << engine;
  }
  EXPECT_EQ(ParseEngineConfig(json::array()).status().code(), Code::kInvalidArgument);
  for (const char* autoscale :
       {"[]", "{}", R"({"replica_max": 0})", R"({"replica_min": 3, "replica_max": 2})",
        R"({"replica_min": -1, "replica_max": 2})", R"({"replica_max": 1.5})",
        R"({"replica_max": 2, "type": "memory"})", R"({"replica_max": 2, "cpu_utilization": 0})",
        R"({"replica_max": 2, "cpu_utilization": "75"})"}) {
    const Status status =
        ParseEngineConfig({{"engine", {{"autoscale", json::parse(autoscale)}}}}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << autoscale;
    EXPECT_NE(status.message().find("engine.autoscale"), std::string::npos) << status.message();
  }
  for (const char* image :
       {"[]", R"({"env": {}})", R"({"env": [{"name": "A"}]})",
        R"({"env": [{"name": "A=B", "value": ""}]})", R"({"env": [{"name": "", "value": ""}]})",
        R"({"arch": "sparc"})", R"({"resources": {"limits": {"memory": "lots"}}})"}) {
    const Status status =
        ParseEngineConfig({{"engineAux", {{"images", {{"m-1", json::parse(image)}}}}}}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << image;
    EXPECT_NE(status.message().find("engineAux.images.m-1"), std::string::npos) << status.message();
  }
  EXPECT_EQ(ParseEngineConfig({{"enginelb", {{"resources", {{"limits", {{"cpu", 0}}}}}}}})
                .status()
                .code(),
            Code::kInvalidArgument);
  for (const char* engine :
       {R"({"gpu": 1})", R"({"resources": {"limits": {"nvidia.com/gpu": 2}}})"}) {
    const Status status = Parse(engine).status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_NE(status.message().find("no GPU here"), std::string::npos);
  }
}

TEST(EngineConfig, ReadsAutoscaleAndSidekicks) {
  auto config = Parse(R"({"replicas": 1, "autoscale": {"replica_min": 2, "replica_max": 5,
                          "type": "cpu", "cpu_utilization": 60}})");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->replicas, 2);  // the guide's example: 1 replica, then from 2 to 5
  EXPECT_EQ(config->autoscale->minimum, 2);
  EXPECT_EQ(config->autoscale->maximum, 5);
  EXPECT_EQ(config->autoscale->target, 0.6);
  config = ParseEngineConfig(json::parse(
      R"({"engineAux": {"images": {"bert-28": {"arch": "x86",
          "resources": {"limits": {"cpu": 0.25, "memory": "1Gi"}},
          "env": [{"name": "GUNICORN_CMD_ARGS", "value": "__timeout=188 --workers=1"}]}}}})"));
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  const SidekickConfig& sidekick = config->sidekicks.at("bert-28");
  EXPECT_EQ(sidekick.cpus, 0.25);
  EXPECT_EQ(sidekick.memory_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(sidekick.env.at("GUNICORN_CMD_ARGS"), "__timeout=188 --workers=1");
  EXPECT_EQ(sidekick.arch, "x86");
}

TEST(EngineConfig, Memory) {
  EXPECT_EQ(*ParseMemory("1KiB"), 1024);
  EXPECT_EQ(*ParseMemory("900Mi"), 943718400);
  EXPECT_EQ(*ParseMemory("1.5GiB"), 1610612736);
  EXPECT_EQ(*ParseMemory("2 TiB"), std::int64_t{2} << 40);
  EXPECT_EQ(*ParseMemory("1048576"), 1048576);
  for (const char* wrong :
       {"", "Mi", "-1Mi", "1MB", "1 Mi B", "0x10", "inf", "nan", "0", "99999999999TiB", "1e5Mi"}) {
    EXPECT_EQ(ParseMemory(wrong).status().code(), Code::kInvalidArgument) << wrong;
  }
}

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(EngineConfig, OneDeploymentMustFitTheMachine) {
  std::vector<std::string> notes;
  const auto fit = [&](EngineConfig config, std::int64_t bytes) {
    return FitToMachine(config, 2, bytes, notes);
  };
  EngineConfig config;
  config.replicas = 4;
  config.cpus = 0.5;
  EXPECT_TRUE(fit(config, 0).ok());
  config.cpus = 2;
  const Status cpus = fit(config, kGiB);
  EXPECT_EQ(cpus.code(), Code::kFailedPrecondition);
  EXPECT_TRUE(cpus.message().starts_with("Cannot deploy pipeline due to insufficient resources. "))
      << cpus.message();
  EXPECT_NE(cpus.message().find("4 replicas with 2 CPUs, 8 CPUs together"), std::string::npos)
      << cpus.message();
  EXPECT_NE(cpus.message().find("this machine has 2 CPUs"), std::string::npos);
  config.cpus = 0;
  config.memory_bytes = kGiB;
  EXPECT_NE(fit(config, 2 * kGiB).message().find("this machine has 2.0 GiB"), std::string::npos);
  config.replicas = 2;
  EXPECT_TRUE(fit(config, 2 * kGiB).ok());
  config.sidekicks["m-1"].memory_bytes = kGiB;  // each replica has its own
  EXPECT_NE(fit(config, 2 * kGiB).message().find("2.0 GiB of memory, 4.0 GiB together"),
            std::string::npos);
  config.replicas = 0;
  EXPECT_TRUE(fit(config, 2 * kGiB).ok());
  EXPECT_TRUE(notes.empty());
}

TEST(EngineConfig, AMaximumThatDoesNotFitIsLoweredAMinimumIsNot) {
  EngineConfig config;
  config.cpus = 0.5;
  config.autoscale = deploy::Autoscale{0, 5, 0.75};
  std::vector<std::string> notes;
  ASSERT_TRUE(FitToMachine(config, 2, kGiB, notes).ok());
  EXPECT_EQ(config.autoscale->maximum, 4);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("at most 4 of 5 replicas, this machine has 2 CPUs"), std::string::npos)
      << notes[0];
  config.replicas = 5;
  config.autoscale = deploy::Autoscale{5, 5, 0.75};
  EXPECT_EQ(FitToMachine(config, 2, kGiB, notes).code(), Code::kFailedPrecondition);
  config.cpus = 3;
  config.replicas = 0;
  config.autoscale = deploy::Autoscale{0, 5, 0.75};
  EXPECT_EQ(FitToMachine(config, 2, kGiB, notes).code(), Code::kFailedPrecondition);
}

TEST(EngineConfig, StrictAccountingCountsTheOthers) {
  EngineConfig config;
  config.cpus = 1;
  config.autoscale = deploy::Autoscale{0, 2, 0.75};
  EXPECT_EQ(DemandOf(config).cpus, 2);
  EXPECT_TRUE(CheckFitsBeside(config, {2, 0}, 4, kGiB).ok());
  const Status status = CheckFitsBeside(config, {2.5, 0}, 4, kGiB);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("asks for 2 CPUs; this machine has 4 CPUs, 2.5 of them promised"),
            std::string::npos)
      << status.message();
  config.cpus = 0;  // asks for nothing, is promised nothing
  EXPECT_TRUE(CheckFitsBeside(config, {4, 0}, 4, kGiB).ok());
  config.memory_bytes = kGiB / 2;
  EXPECT_EQ(CheckFitsBeside(config, {0, 1}, 4, kGiB).code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace joey::control
