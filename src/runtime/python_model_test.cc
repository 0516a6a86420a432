#include "runtime/python_model.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "base/files.h"

namespace joey {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<arrow::Schema> Lists(const char* name, std::shared_ptr<arrow::DataType> type) {
  return arrow::schema({arrow::field(name, arrow::list(std::move(type)))});
}

// `rows` rows of one column of lists of `width` floats: 0, 1, 2, …
std::shared_ptr<arrow::RecordBatch> Floats(const char* name, std::int64_t rows, int width = 1) {
  auto values = std::make_shared<arrow::FloatBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  float next = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    EXPECT_TRUE(lists.Append().ok());
    for (int i = 0; i < width; ++i) EXPECT_TRUE(values->Append(next++).ok());
  }
  auto column = lists.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field(name, column->type())}), rows,
                                  {column});
}

std::shared_ptr<arrow::RecordBatch> Doubles(const char* name, std::vector<double> values) {
  arrow::DoubleBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  auto column = builder.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field(name, column->type())}),
                                  column->length(), {column});
}

class PythonModelTest : public testing::Test {
 protected:
  PythonModelTest() {
    char pattern[] = "/tmp/joey-step-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  ~PythonModelTest() override { std::filesystem::remove_all(directory_); }

  PythonModelOptions Options(const std::string& script) {
    PythonModelOptions options;
    options.name = "step";
    options.script_path = directory_ + "/script.py";
    std::ofstream(options.script_path) << script;
    options.print = [this](std::string_view line) {
      std::lock_guard lock(mutex_);
      printed_ += std::string(line) + "\n";
    };
    return options;
  }

  // With the schemas of one column of lists of doubles in and floats out.
  PythonModelOptions Declared(const std::string& script) {
    PythonModelOptions options = Options(script);
    options.input_schema = Lists("dense_2", arrow::float64());
    options.output_schema = Lists("output", arrow::float32());
    return options;
  }

  static std::unique_ptr<TableModel> Load(PythonModelOptions options) {
    auto model = LoadPythonModel(std::move(options));
    EXPECT_TRUE(model.ok()) << model.status().ToString();
    return model.ok() ? std::move(*model) : nullptr;
  }

  std::string Printed() {
    std::lock_guard lock(mutex_);
    return printed_;
  }
  // Printed text comes by a pipe, some time after the answer.
  bool WaitForPrinted(const std::string& text) {
    for (int i = 0; i < 1000; ++i) {
      if (Printed().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

  std::string directory_;

 private:
  std::mutex mutex_;
  std::string printed_;
};

// An answer, or what went wrong, as text.
std::string Text(const Result<std::shared_ptr<arrow::RecordBatch>>& result) {
  if (!result.ok()) {
    return std::string(CodeName(result.status().code())) + " " + result.status().ToString();
  }
  std::string out;
  for (int i = 0; i < (*result)->num_columns(); ++i) {
    const auto& column = (*result)->column(i);
    out += (*result)->column_name(i) + ": " + column->type()->ToString() + " =";
    for (std::int64_t row = 0; row < column->length(); ++row) {
      out += " " + column->GetScalar(row).ValueOrDie()->ToString();
    }
    out += "\n";
  }
  return out;
}

constexpr char kGuideStep[] = R"(
def wallaroo_json(data: pd.DataFrame):
    print(data)
    return [{"output": [data["dense_2"].to_list()[0][0]]}]
)";

TEST_F(PythonModelTest, GuidesPostProcessingStep) {
  auto model = Load(Declared(kGuideStep));
  EXPECT_EQ(Text(model->Run(Floats("dense_2", 1))),
            "output: list<item: float> = list<item: float>[0]\n");
  EXPECT_TRUE(WaitForPrinted("dense_2"));
  // A column of plain numbers for one of lists.
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {12.5}))),
            "output: list<item: float> = list<item: float>[12.5]\n");
}

TEST_F(PythonModelTest, TheOlderFormGetsJsonText) {
  auto model = Load(Options(R"(
import json
import pandas

def wallaroo_json(data):
    obj = json.loads(data)
    pdata = pandas.DataFrame(obj['query'], columns=obj['colnames'])
    return {'tensor_fields': ['model_input'], 'model_input': (pdata * 2).to_numpy().tolist()}
)"));
  EXPECT_EQ(Text(model->Run(Doubles("UnitPrice", {1.5, 2}))),
            "model_input: list<item: double> = list<item: double>[3] list<item: double>[4]\n");
  EXPECT_EQ(model->input_schema(), nullptr);
}

TEST_F(PythonModelTest, ManyRowsOfManyBytesComeBackAsTheyWere) {
  PythonModelOptions options = Options("def wallaroo_json(data: pd.DataFrame):\n    return data");
  auto model = Load(std::move(options));
  // In the message, in shared memory, in a memory file.
  for (auto [rows, width] : {std::pair{1, 29}, {10'000, 29}, {100, 50'000}, {40, 300'000}}) {
    auto in = Floats("x", rows, width);
    auto out = model->Run(in);
    ASSERT_TRUE(out.ok()) << out.status().ToString();
    EXPECT_TRUE((*out)->column(0)->Equals(in->column(0))) << rows;
  }
}

TEST_F(PythonModelTest, WhatAStepRaisesIsTheAnswerAndItLivesOn) {
  auto model = Load(Declared(R"(
calls = 0
def inner(value):
    if value == 1:
        raise ValueError("one is too much")
    if value == 2:
        raise SystemExit(3)
def wallaroo_json(data):
    global calls
    calls += 1
    inner(data["dense_2"][0][0])
    return [{"output": [calls]}]
)"));
  std::string raised = Text(model->Run(Doubles("dense_2", {1})));
  EXPECT_NE(raised.find("invalid_argument Python step 'step': it raised ValueError: one is too "
                        "much (step.py line 11, in wallaroo_json"),
            std::string::npos)
      << raised;
  EXPECT_NE(raised.find("line 5, in inner: raise ValueError"), std::string::npos) << raised;
  EXPECT_TRUE(WaitForPrinted("ValueError: one is too much"));
  EXPECT_NE(Text(model->Run(Doubles("dense_2", {2}))).find("SystemExit: 3"), std::string::npos);
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {0}))),
            "output: list<item: float> = list<item: float>[3]\n");
}

TEST_F(PythonModelTest, ColumnsAreCheckedBothWays) {
  auto model = Load(Declared(R"(
def wallaroo_json(data):
    if data["dense_2"][0][0] == 1:
        return [{"output": ["text"]}]
    if data["dense_2"][0][0] == 2:
        return [{"other": [1.0]}]
    return data.rename(columns={"dense_2": "output"}).loc[:0]
)"));
  EXPECT_EQ(Text(model->Run(Floats("dense_3", 1)))
                .find("invalid_argument Python step 'step': the column 'dense_2' is missing"),
            0U);
  EXPECT_NE(Text(model->Run(Doubles("dense_2", {1}))).find("does not fit the declared"),
            std::string::npos);
  EXPECT_NE(Text(model->Run(Doubles("dense_2", {2}))).find("has no ['output']"), std::string::npos);
  EXPECT_NE(Text(model->Run(Doubles("dense_2", {3, 4}))).find("1 rows for 2"), std::string::npos);
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {5}))),
            "output: list<item: float> = list<item: float>[5]\n");
}

TEST_F(PythonModelTest, AScriptThatDoesNotLoadIsAnError) {
  const auto message = [&](const std::string& script) {
    auto model = LoadPythonModel(Options(script));
    return model.ok() ? "loaded" : model.status().ToString();
  };
  EXPECT_NE(message("def wallaroo_json(data)\n  return 1").find("SyntaxError"), std::string::npos);
  std::string missing = message("import nonesuch\ndef wallaroo_json(data): pass");
  EXPECT_NE(missing.find("ModuleNotFoundError: No module named 'nonesuch'"), std::string::npos);
  EXPECT_NE(missing.find("line 1"), std::string::npos) << missing;
  EXPECT_NE(message("x = 1").find("no function wallaroo_json"), std::string::npos);
  EXPECT_NE(message("import os\nos._exit(7)").find("exit status 7"), std::string::npos);
  EXPECT_NE(message(std::string(10, '\xff')).find("step"), std::string::npos);
  PythonModelOptions options = Options("def wallaroo_json(data): pass");
  options.interpreter = "/nonexistent/python";
  EXPECT_NE(LoadPythonModel(options).status().message().find("/nonexistent/python"),
            std::string::npos);
}

// The steps of these tests do what the first value of their data says; any other is answered.
constexpr char kAsTold[] = R"(
import ctypes, mmap, os, time
def wallaroo_json(data):
    told = data["dense_2"][0][0]
    if told == 1:
        time.sleep(600)
    if told == 2:
        os._exit(3)
    if told == 3:
        ctypes.string_at(0)
    if told == 4:
        keep = [bytes(1 << 20) for _ in range(4096)]
    if told == 5:
        shared = mmap.mmap(-1, 1 << 30)
        for i in range(0, 1 << 30, 4096):
            shared[i] = 1
        time.sleep(600)
    return [{"output": [told]}]
)";

TEST_F(PythonModelTest, OneThatHangsIsEndedAndStartedAgain) {
  PythonModelOptions options = Declared(kAsTold);
  options.timeout = milliseconds(1500);
  auto model = Load(std::move(options));
  std::string hung = Text(model->Run(Doubles("dense_2", {1})));
  EXPECT_EQ(hung.find("deadline_exceeded Python step 'step' did not answer within 1500 ms"), 0U)
      << hung;
  // On a busy machine the next one may need longer than it is given, too.
  const std::string good = "output: list<item: float> = list<item: float>[7]\n";
  std::string next;
  for (int i = 0; i < 100 && next != good; ++i) {
    next = Text(model->Run(Doubles("dense_2", {7})));
    if (next != good) std::this_thread::sleep_for(milliseconds(200));
  }
  EXPECT_EQ(next, good);
}

TEST_F(PythonModelTest, OneThatDiesIsStartedAgain) {
  auto model = Load(Declared(kAsTold));
  std::string left = Text(model->Run(Doubles("dense_2", {2})));
  EXPECT_EQ(left.find("unavailable Python step 'step' died while it worked on this request: exit "
                      "status 3"),
            0U)
      << left;
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {8}))),
            "output: list<item: float> = list<item: float>[8]\n");
  std::string crashed = Text(model->Run(Doubles("dense_2", {3})));
  EXPECT_NE(crashed.find("died while it worked"), std::string::npos) << crashed;
  EXPECT_TRUE(WaitForPrinted("Segmentation fault"));
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {9}))),
            "output: list<item: float> = list<item: float>[9]\n");
}

TEST_F(PythonModelTest, OneThatKeepsDyingIsNotWaitedFor) {
  auto model = Load(Declared(kAsTold));
  std::string last;
  for (int i = 0; i < 20 && last.find("keeps failing") == std::string::npos; ++i) {
    last = Text(model->Run(Doubles("dense_2", {2})));
  }
  EXPECT_NE(last.find("unavailable Python step 'step' keeps failing: "), std::string::npos) << last;
}

TEST_F(PythonModelTest, OneThatUsesTooMuchMemoryIsEndedAndStartedAgain) {
  PythonModelOptions options = Declared(kAsTold);
  options.memory_bytes = 512 << 20;
  auto model = Load(std::move(options));
  std::string refused = Text(model->Run(Doubles("dense_2", {4})));
  EXPECT_EQ(refused.find("resource_exhausted Python step 'step': it was out of memory"), 0U)
      << refused;
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {7}))),
            "output: list<item: float> = list<item: float>[7]\n");
  // Shared memory does not count for the limit of private memory; the supervisor notices.
  std::string ended = Text(model->Run(Doubles("dense_2", {5})));
  EXPECT_EQ(ended.find("resource_exhausted Python step 'step' used more than 512.0 MiB"), 0U)
      << ended;
  EXPECT_EQ(Text(model->Run(Doubles("dense_2", {8}))),
            "output: list<item: float> = list<item: float>[8]\n");
}

TEST_F(PythonModelTest, PrintedTextIsCutIntoLinesAndLimited) {
  auto model = Load(Declared(R"(
import sys
def wallaroo_json(data):
    print("to \x1b[31mstdout")
    print("to stderr", file=sys.stderr)
    sys.stdout.buffer.write(b"\xff\xfe bytes\n")
    print("x" * 100000)
    for i in range(20000):
        print("many", i)
    return [{"output": [1.0]}]
)"));
  ASSERT_TRUE(model->Run(Doubles("dense_2", {1})).ok());
  EXPECT_TRUE(WaitForPrinted("to ?[31mstdout\n"));
  EXPECT_TRUE(WaitForPrinted("to stderr\n"));
  EXPECT_TRUE(WaitForPrinted(std::string(limits::kWorkerLineBytesMax, 'x') + "\n"));
  model = nullptr;
  EXPECT_NE(Printed().find("more lines left out"), std::string::npos);
}

TEST_F(PythonModelTest, ProcessesWorkAtTheSameTime) {
  PythonModelOptions options = Declared(R"(
import random, time
me = random.getrandbits(16)
def wallaroo_json(data):
    time.sleep(0.05)
    return [{"output": [me]}]
)");
  options.processes = 2;
  auto model = Load(std::move(options));
  std::mutex mutex;
  std::set<std::string> seen;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        std::string out = Text(model->Run(Doubles("dense_2", {1})));
        std::lock_guard lock(mutex);
        seen.insert(out);
        if (seen.size() == 2) return;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(seen.size(), 2U);
  for (const std::string& out : seen) EXPECT_EQ(out.find("output: "), 0U) << out;
}

TEST_F(PythonModelTest, ASandboxIsAroundIt) {
  ::setenv("JOEY_TEST_SECRET", "hidden", 1);
  std::filesystem::create_directory(directory_ + "/data");
  std::ofstream(directory_ + "/data/joey.db") << "rows";
  UniqueFd inherited(::open((directory_ + "/data/joey.db").c_str(), O_RDONLY));
  auto model = Load(Options(R"(
import os, socket, subprocess, urllib.request
def tried(f):
    try:
        return str(f())
    except Exception as error:
        return "no"
def wallaroo_json(data: pd.DataFrame):
    fds = [f for f in os.listdir("/proc/self/fd")]
    return [{
        "shadow": tried(lambda: open("/etc/shadow").read(1)),
        "data": tried(lambda: open("DIRECTORY/data/joey.db").read()),
        "script": tried(lambda: open("DIRECTORY/script.py").read(1)),
        "internet": tried(lambda: socket.create_connection(("127.0.0.1", 22), 1)),
        "resolve": tried(lambda: urllib.request.urlopen("http://localhost:80").read()),
        "secret": tried(lambda: os.environ["JOEY_TEST_SECRET"]),
        "engine": tried(lambda: os.kill(os.getppid() or 1, 0) if os.getppid() else 1 / 0),
        "write": tried(lambda: open("/usr/x", "w")),
        "tmp": tried(lambda: open("/tmp/x", "w").write("x")),
        "fill": tried(lambda: open("/tmp/big", "wb").write(bytes(1 << 20) * 100)),
    }]
)"));
  std::ifstream original(directory_ + "/script.py");
  std::string script((std::istreambuf_iterator<char>(original)), {});
  for (std::size_t at; (at = script.find("DIRECTORY")) != std::string::npos;) {
    script.replace(at, 9, directory_);
  }
  model = Load(Options(script));
  auto out = model->Run(Doubles("x", {1}));
  ASSERT_TRUE(out.ok()) << out.status().ToString();
  std::string text = Text(out);
  for (const char* name :
       {"shadow", "data", "script", "internet", "resolve", "secret", "engine", "write", "fill"}) {
    EXPECT_NE(text.find(std::string(name) + ": string = no\n"), std::string::npos) << text;
  }
  EXPECT_NE(text.find("tmp: string = 1\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace joey
