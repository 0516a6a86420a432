#include "engine/worker_share.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace joey::engine {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

ModelEntry Model(const char* runtime, double cpus = 0, std::int64_t memory_bytes = 0) {
  ModelEntry out;
  out.runtime = runtime;
  out.workers.cpus = cpus;
  out.workers.memory_bytes = memory_bytes;
  return out;
}

TEST(WorkerShare, ModelsShareWhatTheDeploymentHas) {
  DeploymentDocument document;
  document.memory_bytes = 4096 * kMiB;
  document.models = {Model("onnx"), Model("python"), Model("flight"),
                     Model("flight", 3, 900 * kMiB)};
  const WorkerShares shares(document, 2);
  EXPECT_EQ(shares.Of(document.models[1]).processes, 2);
  EXPECT_EQ(shares.Of(document.models[1]).memory_bytes, 3072 * kMiB / 4);
  EXPECT_EQ(shares.Of(document.models[2]).memory_bytes, 3072 * kMiB / 4);
  EXPECT_EQ(shares.Of(document.models[3]).processes, 3);
  EXPECT_EQ(shares.Of(document.models[3]).memory_bytes, 300 * kMiB);
}

TEST(WorkerShare, WithoutALimitOrWithASmallOne) {
  DeploymentDocument document;
  document.models = {Model("python")};
  EXPECT_EQ(WorkerShares(document, 1).Of(document.models[0]).memory_bytes,
            limits::kWorkerMemoryBytesMax);
  document.memory_bytes = 64 * kMiB;
  EXPECT_EQ(WorkerShares(document, 4).Of(document.models[0]).memory_bytes, 192 * kMiB);
}

}  // namespace
}  // namespace joey::engine
