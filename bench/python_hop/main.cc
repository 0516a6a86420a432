// What a request to a Python step costs, in microseconds a request: `joey_python_hop [REQUESTS]`.
//
// CPU is that of this process and of the worker; a machine that does other work as well makes both
// look larger. The median of the round trips and the least are printed.
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "runtime/python_model.h"
#include "runtime/python_runtime.h"

namespace {

using namespace joey;
using Clock = std::chrono::steady_clock;

constexpr char kSame[] = "def wallaroo_json(data: pd.DataFrame):\n    return data\n";
constexpr char kGuide[] =
    "def wallaroo_json(data):\n    return [{'output': [data['x'].to_list()[0][0]]}]\n";
constexpr char kArrow[] =
    "import pyarrow as pa\nR = pa.record_batch({'output': pa.array([[1.0]], "
    "pa.list_(pa.float32()))})\n"
    "def wallaroo_json(data):\n    return R\n";

std::shared_ptr<arrow::RecordBatch> Rows(std::int64_t rows, int width) {
  auto values = std::make_shared<arrow::FloatBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!lists.Append().ok()) std::abort();
    for (int i = 0; i < width; ++i) {
      if (!values->Append(static_cast<float>(i)).ok()) std::abort();
    }
  }
  auto column = lists.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", column->type())}), rows,
                                  {column});
}

// CPU seconds of our children, from /proc: they live on.
double ChildrenCpu() {
  double out = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    Result<std::string> stat = ReadFile(entry.path().string() + "/schedstat", 256);
    Result<std::string> line = ReadFile(entry.path().string() + "/stat", 4096);
    if (!stat.ok() || !line.ok()) continue;
    std::istringstream fields(line->substr(line->rfind(')') + 2));
    char state = 0;
    pid_t parent = 0;
    fields >> state >> parent;
    if (parent != ::getpid()) continue;
    double nanos = 0;
    std::istringstream(*stat) >> nanos;
    out += nanos / 1e9;
  }
  return out;
}

double OwnCpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Case {
  const char* name;
  const char* script;
  bool declared;  // a schema of floats in and out
  std::int64_t rows;
  int threads;
  std::string workers;  // a directory, empty for the real one
};

void Measure(const Case& what, int requests, const std::string& directory) {
  PythonModelOptions options;
  options.name = "bench";
  options.script_path = directory + "/script.py";
  std::ofstream(options.script_path) << what.script;
  options.processes = what.threads;
  options.worker_directory = what.workers;
  auto in = Rows(what.rows, 29);
  if (what.declared) {
    options.input_schema = in->schema();
    options.output_schema = arrow::schema({arrow::field("output", arrow::list(arrow::float32()))});
  }
  options.print = [](std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  auto started = Clock::now();
  auto model = LoadPythonModel(std::move(options));
  if (!model.ok()) {
    std::printf("%s: %s\n", what.name, model.status().ToString().c_str());
    return;
  }
  const double start_ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
  const auto run = [&] {
    auto out = (*model)->Run(in);
    if (!out.ok()) std::printf("%s\n", out.status().ToString().c_str());
  };
  std::this_thread::sleep_for(std::chrono::seconds(what.threads));  // until all processes are up
  for (int i = 0; i < 50; ++i) run();
  const double own = OwnCpu();
  const double children = ChildrenCpu();
  std::vector<std::vector<double>> micros(static_cast<std::size_t>(what.threads));
  std::vector<std::jthread> threads;
  for (auto& mine : micros) {
    threads.emplace_back([&] {
      for (int i = 0; i < requests / what.threads; ++i) {
        auto begin = Clock::now();
        run();
        mine.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
      }
    });
  }
  threads.clear();
  const double per = 1e6 / requests;
  std::vector<double> all;
  for (const auto& mine : micros) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  std::printf("%-46s %9.1f %9.1f %9.1f %9.1f %8.0f\n", what.name, all[all.size() / 2], all.front(),
              (OwnCpu() - own) * per, (ChildrenCpu() - children) * per, start_ms);
}

}  // namespace

int main(int argc, char** argv) {
  const int requests = argc > 1 ? std::atoi(argv[1]) : 20'000;
  char pattern[] = "/tmp/joey-hop-XXXXXX";
  const std::string directory = ::mkdtemp(pattern);
  // A worker of its own beside a copy of the real one's code: a sandbox shows one directory.
  const std::string echo = directory + "/echo";
  std::filesystem::create_directory(echo);
  std::filesystem::copy(JOEY_BENCH_DIR "/echo/__main__.py", echo);
  std::filesystem::copy(FindPythonRuntime()->worker_directory, echo + "/code",
                        std::filesystem::copy_options::recursive);
  std::filesystem::permissions(directory, std::filesystem::perms(0755));
  std::printf("%-46s %9s %9s %9s %9s %8s\n", "us a request", "median", "least", "engine", "worker",
              "start ms");
  Measure({"channel alone, 29 floats", "", false, 1, 1, echo}, requests, directory);
  Measure({"channel alone, 10,000 x 29 floats", "", false, 10'000, 1, echo}, requests / 10,
          directory);
  Measure({"one row, DataFrame made, Arrow back", kArrow, true, 1, 1, ""}, requests, directory);
  Measure({"one row, the guide's step", kGuide, true, 1, 1, ""}, requests, directory);
  Measure({"one row, the guide's step, two at a time", kGuide, true, 1, 2, ""}, requests,
          directory);
  Measure({"one row, DataFrame back, no schema", kSame, false, 1, 1, ""}, requests, directory);
  Measure({"10,000 rows, DataFrame back, no schema", kSame, false, 10'000, 1, ""}, requests / 100,
          directory);
  std::filesystem::remove_all(directory);
  return 0;
}
