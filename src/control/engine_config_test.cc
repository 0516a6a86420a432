#include "control/engine_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
  EXPECT_EQ(Parse(R"({"autoscale": {"replica_min": 0, "replica_max": 2}})").status().code(),
            Code::kUnimplemented);
  for (const char* engine :
       {R"({"gpu": 1})", R"({"resources": {"limits": {"nvidia.com/gpu": 2}}})"}) {
    const Status status = Parse(engine).status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_NE(status.message().find("no GPU here"), std::string::npos);
  }
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

TEST(EngineConfig, OneDeploymentMustFitTheMachine) {
  EngineConfig config;
  config.replicas = 4;
  config.cpus = 0.5;
  EXPECT_TRUE(CheckFits(config, 2, 0).ok());
  config.cpus = 2;
  const Status cpus = CheckFits(config, 2, std::int64_t{1} << 30);
  EXPECT_EQ(cpus.code(), Code::kFailedPrecondition);
  EXPECT_TRUE(cpus.message().starts_with("Cannot deploy pipeline due to insufficient resources. "))
      << cpus.message();
  EXPECT_NE(cpus.message().find("4 replicas with 2 CPUs, 8 CPUs together"), std::string::npos)
      << cpus.message();
  EXPECT_NE(cpus.message().find("this machine has 2 CPUs"), std::string::npos);
  config.cpus = 0;
  config.memory_bytes = std::int64_t{1} << 30;
  EXPECT_NE(CheckFits(config, 2, std::int64_t{2} << 30).message().find("this machine has 2.0 GiB"),
            std::string::npos);
  config.replicas = 0;
  EXPECT_TRUE(CheckFits(config, 2, std::int64_t{2} << 30).ok());
}

}  // namespace
}  // namespace joey::control
