// Needs the plug-in: `joey plugin install tensorflow`. Skipped where it is not installed.
#include "runtime/tensorflow_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <thread>

#include "base/files.h"
#include "runtime/saved_model_test_support.h"
#include "runtime/tensorflow_plugin.h"

namespace joey {
namespace {

class TensorFlowModelTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!TensorFlowIsInstalled()) return;
    auto made = TensorFlowRuntime::Make(2, *TensorFlowDirectory());
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    runtime_ = made->release();  // as in an engine: until the process ends
  }

  TensorFlowModelTest() {
    std::string path = testing::TempDir() + "tensorflow-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~TensorFlowModelTest() override { std::filesystem::remove_all(folder_); }

  void SetUp() override {
    if (runtime_ == nullptr) GTEST_SKIP() << "TensorFlow is not installed";
  }

  Result<std::unique_ptr<Model>> Load(const ModelText& model) {
    const std::string zip = folder_ + "/model.zip";
    std::filesystem::remove(zip);
    WriteZip(zip, {{"m/saved_model.pb", model.Text()}});
    return runtime_->Load(zip, folder_);
  }

  template <typename T>
  static Tensor Values(ElementType type, std::vector<std::int64_t> shape, std::vector<T> values) {
    auto owner = std::make_shared<std::vector<T>>(std::move(values));
    Tensor out;
    out.type = type;
    out.shape = std::move(shape);
    out.data = owner->data();
    out.owner = owner;
    return out;
  }
  static Tensor Floats(std::vector<std::int64_t> shape, std::vector<float> values) {
    return Values<float>(ElementType::kFloat32, std::move(shape), std::move(values));
  }
  static std::vector<float> FloatsOf(const Tensor& tensor) {
    const auto* data = static_cast<const float*>(tensor.data);
    return {data, data + tensor.ElementCount()};
  }

  static TensorFlowRuntime* runtime_;
  std::string folder_;
};

TensorFlowRuntime* TensorFlowModelTest::runtime_ = nullptr;

TEST_F(TensorFlowModelTest, AnyNumberOfRows) {
  const auto model = *Load(IdentityModel({{"x"}}));
  ASSERT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->outputs()[0].name, "x_out");
  for (const std::int64_t rows : {0, 1, 2, 31, 32, 5000}) {
    std::vector<float> values(static_cast<std::size_t>(rows) * 3);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const Tensor in = Floats({rows, 3}, values);
    const auto out = model->Run(std::span(&in, 1));
    ASSERT_TRUE(out.ok()) << rows << ": " << out.status().ToString();
    EXPECT_EQ(out->front().shape, (std::vector<std::int64_t>{rows, 3}));
    EXPECT_EQ(FloatsOf(out->front()), values);
  }
  // What was unpacked is gone.
  const auto left = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(left), end(left)), 1);
}

// An output may be the very memory of the input: it must outlive the input tensor.
TEST_F(TensorFlowModelTest, OutputsKeepTheirMemory) {
  const auto model = *Load(IdentityModel({{"x"}}));
  for (const std::size_t offset : {0, 1}) {  // aligned: borrowed; else copied
    auto owner =
        std::shared_ptr<float>(static_cast<float*>(std::aligned_alloc(64, 4096)), std::free);
    const std::weak_ptr<float> watch = owner;
    Tensor in;
    in.shape = {2, 3};
    in.data = owner.get() + offset;
    for (std::size_t i = 0; i < 6; ++i) owner.get()[offset + i] = static_cast<float>(i);
    in.owner = std::move(owner);
    auto out = *model->Run(std::span(&in, 1));
    in = {};
    EXPECT_EQ(FloatsOf(out.front()), (std::vector<float>{0, 1, 2, 3, 4, 5}));
    out.clear();
    EXPECT_TRUE(watch.expired());  // nothing is kept either
  }
}

TEST_F(TensorFlowModelTest, SeveralInputsAndOutputs) {
  ModelText text;
  text.Input({"b"});
  text.Input({"a"});
  text.Output({"sum"}, "AddV2", {"in_a", "in_b"});
  text.Output({"difference"}, "Sub", {"in_a", "in_b"});
  const auto model = *Load(text);
  EXPECT_EQ(model->inputs()[0].name, "a");
  EXPECT_EQ(model->outputs()[0].name, "difference");
  const Tensor in[] = {Floats({1, 3}, {10, 20, 30}), Floats({1, 3}, {1, 2, 3})};
  const auto out = *model->Run(in);
  EXPECT_EQ(FloatsOf(out[0]), (std::vector<float>{9, 18, 27}));
  EXPECT_EQ(FloatsOf(out[1]), (std::vector<float>{11, 22, 33}));
}

TEST_F(TensorFlowModelTest, Strings) {
  const auto model = *Load(IdentityModel({{"x", 7, {-1, 2}}}));
  Tensor in;
  in.type = ElementType::kString;
  in.shape = {2, 2};
  in.strings = {"", "short", std::string(1000, 'l'), std::string("z\0ero", 5)};
  for (int i = 0; i < 100; ++i) {
    const auto out = *model->Run(std::span(&in, 1));
    EXPECT_EQ(out.front().strings, in.strings);
    EXPECT_EQ(out.front().shape, in.shape);
  }
}

TEST_F(TensorFlowModelTest, EveryTypeGoesThrough) {
  const std::pair<int, ElementType> types[] = {
      {1, ElementType::kFloat32}, {2, ElementType::kFloat64},  {3, ElementType::kInt32},
      {4, ElementType::kUInt8},   {5, ElementType::kInt16},    {6, ElementType::kInt8},
      {9, ElementType::kInt64},   {10, ElementType::kBool},    {14, ElementType::kBFloat16},
      {17, ElementType::kUInt16}, {19, ElementType::kFloat16}, {22, ElementType::kUInt32},
      {23, ElementType::kUInt64},
  };
  for (const auto& [number, type] : types) {
    const auto model = Load(IdentityModel({{"x", number, {-1, 4}}}));
    ASSERT_TRUE(model.ok()) << ElementTypeName(type) << model.status().ToString();
    ASSERT_EQ((*model)->inputs()[0].type, type);
    std::vector<std::uint8_t> bytes(2 * 4 * ElementSize(type));
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 2;
    const Tensor in = Values<std::uint8_t>(type, {2, 4}, bytes);
    const auto out = (*model)->Run(std::span(&in, 1));
    ASSERT_TRUE(out.ok()) << ElementTypeName(type) << out.status().ToString();
    const auto* data = static_cast<const std::uint8_t*>(out->front().data);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), data)) << ElementTypeName(type);
  }
}

TEST_F(TensorFlowModelTest, WrongShapesAreErrors) {
  ModelText text;
  text.Input({"a"});
  text.Input({"b"});
  text.Output({"sum"}, "AddV2", {"in_a", "in_b"});
  const auto model = *Load(text);
  const Tensor in[] = {Floats({1, 3}, {10, 20, 30}), Floats({1, 2}, {1, 2})};
  const auto out = model->Run(in);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().code(), Code::kInvalidArgument);
  EXPECT_LE(out.status().message().size(), 1100U);
}

TEST_F(TensorFlowModelTest, ModelsThatDoNotLoad) {
  ModelText text = IdentityModel({{"x"}});
  text.graph.Sub(1, Node("custom", "NoSuchOperation", {}, 1));
  auto model = Load(text);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), Code::kInvalidArgument);
  EXPECT_NE(model.status().message().find("NoSuchOperation"), std::string::npos);

  text = IdentityModel({{"x"}});
  text.signature.Entry(1, "y", TensorInfo("nowhere:0", {"y"}));
  model = Load(text);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.status().message().find("does not have"), std::string::npos);

  text = IdentityModel({{"x"}});
  text.signature.Entry(1, "y", TensorInfo("in_x:1", {"y"}));
  EXPECT_FALSE(Load(text).ok());

  text = IdentityModel({{"x"}});
  text.signature.Entry(1, "y", TensorInfo("in_x:0", {"y", 9}));
  model = Load(text);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.status().message().find("int64"), std::string::npos);

  text = IdentityModel({{"x"}});
  text.saver = true;  // the checkpoint it names is in the archive, but is none
  text.graph.Sub(1, Node("weights", "VarHandleOp", {}, 1, "dtype"));
  const std::string zip = folder_ + "/bad.zip";
  WriteZip(zip, {{"m/saved_model.pb", text.Text()},
                 {"m/variables/variables.index", "i"},
                 {"m/variables/variables.data-00000-of-00001", "d"}});
  EXPECT_FALSE(runtime_->Load(zip, folder_).ok());
}

TEST_F(TensorFlowModelTest, RunsFromSeveralThreads) {
  const auto model = *Load(IdentityModel({{"x"}}));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const auto value = static_cast<float>(t * 1000 + i);
        const Tensor in = Floats({1, 3}, {value, value, value});
        const auto out = model->Run(std::span(&in, 1));
        right += out.ok() && FloatsOf(out->front())[2] == value ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
}

}  // namespace
}  // namespace joey
