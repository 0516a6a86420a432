#include "runtime/onnx_inspect.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "base/files.h"
#include "runtime/onnx_model.h"
#include "runtime/protobuf_reader.h"

namespace joey {
namespace {

// The few parts of protobuf's wire format that an ONNX file needs.
std::string Varint(std::uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  return out + static_cast<char>(value);
}
std::string Number(int field, std::uint64_t value) {
  return Varint(static_cast<std::uint64_t>(field) << 3) + Varint(value);
}
std::string Bytes(int field, const std::string& value) {
  return Varint(static_cast<std::uint64_t>(field) << 3 | 2) + Varint(value.size()) + value;
}

std::string Dimension(std::int64_t size) {
  if (size < 0) return Bytes(1, Bytes(2, "batch"));
  return Bytes(1, Number(1, static_cast<std::uint64_t>(size)));
}
std::string TensorType(int type, std::initializer_list<std::int64_t> shape) {
  std::string dimensions;
  for (const std::int64_t size : shape) dimensions += Dimension(size);
  return Bytes(1, Number(1, static_cast<std::uint64_t>(type)) + Bytes(2, dimensions));
}
std::string Value(const std::string& name, const std::string& type) {
  return Bytes(1, name) + Bytes(2, type);
}
std::string Node(const std::string& op, const std::string& more = "") {
  return Bytes(1, "x") + Bytes(2, "y") + Bytes(4, op) + more;
}
std::string Opset(std::int64_t version, const std::string& domain = "") {
  return Bytes(
      8, (domain.empty() ? "" : Bytes(1, domain)) + Number(2, static_cast<std::uint64_t>(version)));
}
std::string Floats(const std::string& name, std::initializer_list<std::int64_t> shape,
                   std::size_t bytes, const std::string& more = "") {
  std::string out;
  for (const std::int64_t size : shape) out += Number(1, static_cast<std::uint64_t>(size));
  return out + Number(2, 1) + Bytes(8, name) + Bytes(9, std::string(bytes, '\0')) + more;
}

const std::string kInput = Bytes(11, Value("x", TensorType(1, {-1, 3})));
const std::string kOutput = Bytes(12, Value("y", TensorType(1, {-1, 3})));

std::string Graph(const std::string& more = "", const std::string& node = Node("Identity")) {
  return Bytes(1, node) + Bytes(2, "g") + more + kInput + kOutput;
}
std::string ModelFile(const std::string& graph, std::int64_t ir = 8, std::int64_t opset = 17,
                      const std::string& more = "") {
  return Number(1, static_cast<std::uint64_t>(ir)) + Opset(opset) + Bytes(7, graph) + more;
}

// The status with its message, for EXPECT_EQ on a part of it.
std::string ErrorOf(const std::string& file) {
  auto signature = InspectOnnx(file);
  return signature.ok() ? "ok" : signature.status().ToString();
}
void ExpectRefused(const std::string& file, const std::string& part) {
  EXPECT_NE(ErrorOf(file).find(part), std::string::npos) << ErrorOf(file);
}

TEST(OnnxInspect, ReadsSignature) {
  auto signature = InspectOnnx(ModelFile(Graph()));
  ASSERT_TRUE(signature.ok()) << signature.status().ToString();
  EXPECT_EQ(signature->ir_version, 8);
  EXPECT_EQ(signature->opset, 17);
  ASSERT_EQ(signature->inputs.size(), 1u);
  EXPECT_EQ(signature->inputs[0].name, "x");
  EXPECT_EQ(signature->inputs[0].type, "float32");
  EXPECT_EQ(signature->inputs[0].shape, (std::vector<std::int64_t>{-1, 3}));
  ASSERT_EQ(signature->outputs.size(), 1u);
}

TEST(OnnxInspect, EveryUsableElementType) {
  const std::pair<int, const char*> types[] = {
      {1, "float32"},  {2, "uint8"},   {3, "int8"},    {4, "uint16"},   {5, "int16"},
      {6, "int32"},    {7, "int64"},   {8, "string"},  {9, "bool"},     {10, "float16"},
      {11, "float64"}, {12, "uint32"}, {13, "uint64"}, {16, "bfloat16"}};
  for (const auto& [code, name] : types) {
    auto signature = InspectOnnx(ModelFile(Bytes(1, Node("Identity")) +
                                           Bytes(11, Value("x", TensorType(code, {}))) + kOutput));
    ASSERT_TRUE(signature.ok()) << signature.status().ToString();
    EXPECT_EQ(signature->inputs[0].type, name);
    EXPECT_TRUE(signature->inputs[0].shape.empty());
  }
  for (const int code : {0, 14, 15, 17, 21, 99}) {
    ExpectRefused(ModelFile(Bytes(1, Node("Identity")) +
                            Bytes(11, Value("x", TensorType(code, {}))) + kOutput),
                  "element type");
  }
}

TEST(OnnxInspect, InitializersAreNoInputs) {
  const std::string weights =
      Bytes(5, Floats("w", {2, 2}, 16)) + Bytes(11, Value("w", TensorType(1, {2, 2})));
  auto signature = InspectOnnx(ModelFile(Graph(weights), 3));
  ASSERT_TRUE(signature.ok()) << signature.status().ToString();
  EXPECT_EQ(signature->inputs.size(), 1u);
}

TEST(OnnxInspect, VersionsBeyondTheRuntimeAreRefused) {
  EXPECT_EQ(ErrorOf(ModelFile(Graph(), kOnnxIrVersionMax, kOnnxOpsetMax)), "ok");
  ExpectRefused(ModelFile(Graph(), kOnnxIrVersionMax + 1), "IR version 15");
  ExpectRefused(ModelFile(Graph(), 8, kOnnxOpsetMax + 1),
                "version 29 of the operator set 'ai.onnx'");
  ExpectRefused(ModelFile(Graph(), 8, 0), "version 0");
  ExpectRefused(ModelFile(Graph(), 8, 17, Opset(6, "ai.onnx.ml")), "'ai.onnx.ml'");
  EXPECT_EQ(ErrorOf(ModelFile(Graph(), 8, 17, Opset(5, "ai.onnx.ml"))), "ok");
  EXPECT_EQ(ErrorOf(ModelFile(Graph(), 8, 17, Opset(7, "unused.domain"))), "ok");
  ExpectRefused(Number(1, 8) + Bytes(7, Graph()), "names no operator set");
  EXPECT_EQ(ErrorOf(Number(1, 8) + Opset(3, "ai.onnx.ml") + Bytes(7, Graph())), "ok");
  ExpectRefused(Opset(17) + Bytes(7, Graph()), "no IR version");
}

TEST(OnnxInspect, UnknownDomainsAreRefusedUnlessDefinedInside) {
  const std::string custom = Node("Evil", Bytes(7, "org.evil"));
  ExpectRefused(ModelFile(Graph("", custom)), "operator 'Evil' of the unknown domain 'org.evil'");
  const std::string function =
      Bytes(25, Bytes(1, "Evil") + Bytes(7, Node("Relu")) + Bytes(10, "org.evil"));
  EXPECT_EQ(ErrorOf(ModelFile(Graph("", custom), 8, 17, function)), "ok");
  const std::string nested = Bytes(
      25, Bytes(1, "Evil") + Bytes(7, Node("Worse", Bytes(7, "other"))) + Bytes(10, "org.evil"));
  ExpectRefused(ModelFile(Graph("", custom), 8, 17, nested), "unknown domain 'other'");
  ExpectRefused(ModelFile(Graph("", Node("EPContext", Bytes(7, "com.microsoft")))), "EPContext");
}

TEST(OnnxInspect, ExternalDataIsRefusedWhereverItHides) {
  const std::string location = Bytes(13, Bytes(1, "location") + Bytes(2, "../../etc/passwd"));
  const std::string with_entry = Floats("w", {0}, 0, location);
  const std::string with_flag = Floats("w", {0}, 0, Number(14, 1));
  for (const std::string& tensor : {with_entry, with_flag}) {
    const std::string in_attribute = Node("Constant", Bytes(5, Bytes(5, tensor)));
    const std::string in_list = Node("Constant", Bytes(5, Bytes(10, tensor)));
    const std::string in_sparse = Node("Constant", Bytes(5, Bytes(22, Bytes(2, tensor))));
    const std::string in_subgraph = Node("If", Bytes(5, Bytes(6, Graph(Bytes(5, tensor)))));
    const std::string in_subgraphs = Node("If", Bytes(5, Bytes(11, Graph("", in_attribute))));
    ExpectRefused(ModelFile(Graph(Bytes(5, tensor))), "external data");
    ExpectRefused(ModelFile(Graph(Bytes(15, Bytes(1, tensor)))), "external data");
    for (const std::string& node : {in_attribute, in_list, in_sparse, in_subgraph, in_subgraphs}) {
      ExpectRefused(ModelFile(Graph("", node)), "external data");
      ExpectRefused(ModelFile(Graph(), 8, 17, Bytes(25, Bytes(1, "f") + Bytes(7, node))),
                    "external data");
      ExpectRefused(ModelFile(Graph(), 8, 17, Bytes(20, Bytes(2, Graph("", node)))),
                    "external data");
    }
  }
}

TEST(OnnxInspect, ClaimsBeyondTheFileAreRefused) {
  ExpectRefused(ModelFile(Graph(Bytes(5, Floats("w", {1 << 30, 2}, 4)))),
                "claims 8589934592 bytes");
  ExpectRefused(ModelFile(Graph(Bytes(5, Floats("w", {1ll << 33, 1ll << 33}, 4)))), "impossible");
  ExpectRefused(ModelFile(Graph(Bytes(5, Floats("w", {-1}, 4)))), "impossible");
  ExpectRefused(ModelFile(Graph(Bytes(5, Floats("w", {1}, 8)))), "claims 4 bytes and holds 8");
  const std::string typed = Number(1, 1 << 20) + Number(2, 7) + Bytes(7, "\x01\x02");
  ExpectRefused(ModelFile(Graph(Bytes(5, typed))), "claims 1048576 elements");
  const std::string texts = Number(1, 1000) + Number(2, 8) + Bytes(6, "one");
  ExpectRefused(ModelFile(Graph(Bytes(5, texts))), "claims 1000 texts and holds 1");
  const std::string sparse =
      Bytes(1, Floats("w", {1}, 4)) + Number(3, 1 << 20) + Number(3, 1 << 20);
  ExpectRefused(ModelFile(Graph(Bytes(15, sparse))), "sparse tensor");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += Number(1, 1);
  ExpectRefused(ModelFile(Graph(Bytes(5, many + Number(2, 1) + Bytes(9, "1234")))), "dimensions");
}

TEST(OnnxInspect, DeeplyNestedGraphsAreRefusedEarly) {
  std::string graph = Graph();
  for (int i = 0; i < 2000; ++i) graph = Graph("", Node("If", Bytes(5, Bytes(6, graph))));
  ExpectRefused(ModelFile(graph), "nests graphs deeper");
}

TEST(OnnxInspect, OtherFilesAreNamed) {
  ExpectRefused("", "empty");
  ExpectRefused(std::string("PK\x03\x04 and so on"), "zip archive");
  ExpectRefused(std::string("\x80\x04\x95pickle"), "pickle");
  ExpectRefused(std::string("\x89HDF\r\n"), "HDF5");
  ExpectRefused("{\"a\": 1}", "text document");
  ExpectRefused("hello world, this is no model", "not an ONNX model");
  ExpectRefused(Number(1, 8) + Opset(17), "it has no graph");
  ExpectRefused(ModelFile(Graph(), 8, 17, Bytes(7, Graph())), "two graphs");
}

TEST(OnnxInspect, InputsAndOutputsAreNeededAndNamed) {
  ExpectRefused(ModelFile(Bytes(1, Node("Identity")) + kOutput), "no inputs");
  ExpectRefused(ModelFile(Bytes(1, Node("Identity")) + kInput), "no outputs");
  ExpectRefused(ModelFile(Graph(kInput)), "two inputs named 'x'");
  ExpectRefused(ModelFile(Graph(Bytes(11, Value("", TensorType(1, {}))))), "no readable name");
  ExpectRefused(ModelFile(Graph(Bytes(11, Value("\xff\xfe", TensorType(1, {}))))),
                "no readable name");
  ExpectRefused(ModelFile(Graph(Bytes(11, Value("a\nb", TensorType(1, {}))))), "no readable name");
  const std::string sequence = Bytes(4, Bytes(1, TensorType(1, {})));
  ExpectRefused(ModelFile(Graph(Bytes(12, Value("p", sequence)))),
                "'p' of the model is not a tensor");
}

// Every prefix and thousands of random changes of a valid file: an answer, never a crash.
TEST(OnnxInspect, SurvivesDamage) {
  const std::string file =
      ModelFile(Graph(Bytes(5, Floats("w", {2, 2}, 16)),
                      Node("If", Bytes(5, Bytes(6, Graph(Bytes(5, Floats("v", {1}, 4))))))),
                8, 17, Opset(3, "ai.onnx.ml"));
  ASSERT_EQ(ErrorOf(file), "ok");
  for (std::size_t size = 0; size < file.size(); ++size) {
    (void)InspectOnnx(std::string_view(file).substr(0, size));
  }
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string changed = file;
    for (int i = 0; i < 3; ++i) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    (void)InspectOnnx(changed);
  }
}

TEST(ProtobufReader, DamageIsReported) {
  for (const std::string& bytes :
       {std::string("\x80"), std::string("\x08"),
        std::string("\x0a\x05"
                    "abc"),
        std::string("\x0b"), std::string("\x0c"), std::string("\x00\x01", 2),
        std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), std::string(20, '\xff')}) {
    ProtobufReader reader(bytes);
    while (reader.Next()) {
    }
    EXPECT_TRUE(reader.damaged());
  }
}

// The constants are what the ONNX Runtime of this build takes, and the next version is not.
TEST(OnnxInspect, VersionLimitsAreThoseOfTheRuntime) {
  auto runtime = OnnxRuntime::Make(1);
  ASSERT_TRUE(runtime.ok()) << runtime.status().ToString();
  const auto loads = [&](std::int64_t ir, std::int64_t opset) {
    return (*runtime)->Load(ModelFile(Graph(), ir, opset)).ok();
  };
  EXPECT_TRUE(loads(kOnnxIrVersionMax, kOnnxOpsetMax));
  EXPECT_FALSE(loads(kOnnxIrVersionMax + 1, kOnnxOpsetMax));
  EXPECT_FALSE(loads(kOnnxIrVersionMax, kOnnxOpsetMax + 1));
}

TEST(OnnxInspect, ModelsOfTheCases) {
  const char* cases = std::getenv("JOEY_CASES");
  const std::string root = cases != nullptr ? cases : "../shared/cases";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "no cases in " << root;
  int models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".onnx") continue;
    auto file = MappedFile::Open(entry.path().string());
    ASSERT_TRUE(file.ok());
    auto signature = InspectOnnx(file->bytes());
    EXPECT_TRUE(signature.ok()) << entry.path() << ": " << signature.status().ToString();
    ++models;
  }
  EXPECT_GT(models, 5);
}

}  // namespace
}  // namespace joey
