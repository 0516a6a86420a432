// Answers the same request again and again, without sockets: what callgrind looks at
// (bench/instructions.py). Prints as JSON what each part of a request allocated and copied. As many
// requests again are answered first and not counted.
//
// usage: joey_one_row DEPLOYMENT BODY SPOOL REQUESTS
#include <arrow/memory_pool.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "counts.h"
#include "path.h"

namespace joey::one_row {
namespace {

constexpr std::size_t kFileBytesMax = 64 << 20;

struct Part {
  const char* name;
  Status (Path::*run)();
};

constexpr std::array kParts = {
    Part{"head", &Path::ReadHead},   Part{"body", &Path::TakeBody}, Part{"parse", &Path::ParseBody},
    Part{"execute", &Path::Execute}, Part{"log", &Path::Log},       Part{"answer", &Path::Answer},
    Part{"end", &Path::End},
};

// Arrow's own pool does not go through malloc; with it the counts are complete.
Counts Now() {
  if (!counting) return {};
  Counts now = counts;
  const arrow::MemoryPool* pool = arrow::default_memory_pool();
  if (pool->backend_name() != "system") {
    now.allocations += static_cast<std::uint64_t>(pool->num_allocations());
    now.allocated_bytes += static_cast<std::uint64_t>(pool->total_bytes_allocated());
  }
  return now;
}

void Add(Counts& sum, const Counts& before, const Counts& after) {
  sum.allocations += after.allocations - before.allocations;
  sum.allocated_bytes += after.allocated_bytes - before.allocated_bytes;
  sum.copies += after.copies - before.copies;
  sum.copied_bytes += after.copied_bytes - before.copied_bytes;
}

using PartCounts = std::array<Counts, kParts.size()>;

// One request; the answer's body is in `answer_bytes` after it.
Status Serve(Path& path, PartCounts& sums, std::size_t& answer_bytes) {
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    const Counts before = Now();
    JOEY_RETURN_IF_ERROR((path.*kParts[i].run)());
    Add(sums[i], before, Now());
  }
  answer_bytes = path.answer().size();
  return {};
}

Status Run(const char* deployment, const char* body, const char* spool, int requests) {
  JOEY_ASSIGN_OR_RETURN(std::string document, ReadFile(deployment, kFileBytesMax));
  JOEY_ASSIGN_OR_RETURN(std::string text, ReadFile(body, kFileBytesMax));
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<Path> path, Path::Make(document, text, spool));
  PartCounts warm{};
  PartCounts sums{};
  std::size_t answer_bytes = 0;
  // What is made once: caches of schemas, symbols that the linker binds late.
  for (int i = 0; i < requests; ++i) JOEY_RETURN_IF_ERROR(Serve(*path, warm, answer_bytes));
  CALLGRIND_START_INSTRUMENTATION;
  for (int i = 0; i < requests; ++i) JOEY_RETURN_IF_ERROR(Serve(*path, sums, answer_bytes));
  CALLGRIND_STOP_INSTRUMENTATION;

  nlohmann::ordered_json parts;
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    const auto each = [&](std::uint64_t sum) { return static_cast<double>(sum) / requests; };
    parts[kParts[i].name] = {{"allocations", each(sums[i].allocations)},
                             {"allocated_bytes", each(sums[i].allocated_bytes)},
                             {"copies", each(sums[i].copies)},
                             {"copied_bytes", each(sums[i].copied_bytes)}};
  }
  const nlohmann::ordered_json out = {
      {"requests", requests},
      {"body_bytes", path->body().size()},
      {"answer_bytes", answer_bytes},
      {"answer", path->answer()},
      {"parts", parts},
  };
  std::printf("%s\n", out.dump(1).c_str());
  return {};
}

}  // namespace
}  // namespace joey::one_row

int main(int argc, char** argv) {
  const int requests = argc == 5 ? std::atoi(argv[4]) : 0;
  if (requests <= 0) {
    std::fprintf(stderr, "usage: %s DEPLOYMENT BODY SPOOL REQUESTS\n", argv[0]);
    return 2;
  }
  const joey::Status status = joey::one_row::Run(argv[1], argv[2], argv[3], requests);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
