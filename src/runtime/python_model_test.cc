#include "runtime/python_model.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
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

}  // namespace
}  // namespace joey
