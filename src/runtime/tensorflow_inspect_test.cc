#include "runtime/tensorflow_inspect.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "runtime/saved_model_test_support.h"
#include "runtime/saved_model_zip.h"

namespace joey {
namespace {

std::string Refusal(const std::string& file) {
  const auto model = InspectSavedModel(file);
  EXPECT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), Code::kInvalidArgument);
  return model.status().ToString();
}

TEST(TensorFlowInspect, SignatureSortedByName) {
  const auto model = *InspectSavedModel(
      IdentityModel({{"zebra", 1, {-1, 50}}, {"ant", 9, {-1}}, {"bee", 7, {-1, 2, 3}}}).Text());
  const ModelSignature signature = model.Signature();
  ASSERT_EQ(signature.inputs.size(), 3U);
  EXPECT_EQ(signature.inputs[0].name, "ant");
  EXPECT_EQ(signature.inputs[0].type, "int64");
  EXPECT_EQ(signature.inputs[0].shape, (std::vector<std::int64_t>{-1}));
  EXPECT_EQ(signature.inputs[1].type, "string");
  EXPECT_EQ(signature.inputs[1].shape, (std::vector<std::int64_t>{-1, 2, 3}));
  EXPECT_EQ(signature.inputs[2].name, "zebra");
  EXPECT_EQ(signature.outputs[2].name, "zebra_out");
  EXPECT_EQ(model.tags, (std::vector<std::string>{"serve"}));
  EXPECT_EQ(model.inputs[0].operation, "in_ant");
  EXPECT_EQ(model.inputs[0].output_index, 0);
  EXPECT_FALSE(model.needs_variables);
}

TEST(TensorFlowInspect, EveryTypeThatIsCarried) {
  const std::pair<int, const char*> types[] = {
      {1, "float32"}, {2, "float64"},  {3, "int32"},   {4, "uint8"},   {5, "int16"},
      {6, "int8"},    {7, "string"},   {9, "int64"},   {10, "bool"},   {14, "bfloat16"},
      {17, "uint16"}, {19, "float16"}, {22, "uint32"}, {23, "uint64"},
  };
  for (const auto& [number, name] : types) {
    const auto model = InspectSavedModel(IdentityModel({{"x", number}}).Text());
    ASSERT_TRUE(model.ok()) << name;
    EXPECT_EQ(model->Signature().inputs[0].type, name);
  }
}

TEST(TensorFlowInspect, OtherTypesAreNamed) {
  EXPECT_NE(Refusal(IdentityModel({{"x", 8}}).Text()).find("complex64"), std::string::npos);
  EXPECT_NE(Refusal(IdentityModel({{"x", 20}}).Text()).find("resource"), std::string::npos);
  EXPECT_NE(Refusal(IdentityModel({{"x", 0}}).Text()).find("invalid"), std::string::npos);
  EXPECT_NE(Refusal(IdentityModel({{"x", 99}}).Text()).find("99"), std::string::npos);
}

TEST(TensorFlowInspect, SparseAndCompositeTensors) {
  for (const int field : {4, 5}) {
    ModelText model = IdentityModel({{"x"}});
    model.signature.Entry(1, "sparse", Message().Sub(field, Message()));
    EXPECT_NE(Refusal(model.Text()).find("sparse"), std::string::npos);
  }
}

TEST(TensorFlowInspect, Signatures) {
  ModelText model = IdentityModel({{"x"}});
  model.signature_name = "predict";
  EXPECT_TRUE(InspectSavedModel(model.Text()).ok());  // the only one
  model.signature_name = "__saved_model_init_op";
  EXPECT_NE(Refusal(model.Text()).find("no signature"), std::string::npos);
  model = IdentityModel({{"x"}});
  model.tag = "train";
  EXPECT_NE(Refusal(model.Text()).find("'serve'"), std::string::npos);
  EXPECT_NE(Refusal(ModelText().Text()).find("no inputs"), std::string::npos);
  model = {};
  model.Input({"x"});
  EXPECT_NE(Refusal(model.Text()).find("no outputs"), std::string::npos);
  model = IdentityModel({{"x"}, {"x"}});
  EXPECT_NE(Refusal(model.Text()).find("two inputs named 'x'"), std::string::npos);
  EXPECT_NE(Refusal(IdentityModel({{""}}).Text()).find("readable"), std::string::npos);
  EXPECT_NE(Refusal(IdentityModel({{"\xff"}}).Text()).find("readable"), std::string::npos);
}

TEST(TensorFlowInspect, TensorNames) {
  for (const char* name : {"", ":0", "x:", "x:-1", "x:1a", "x:99999999999"}) {
    ModelText model = IdentityModel({{"x"}});
    model.signature.Entry(1, "y", TensorInfo(name, {"y"}));
    EXPECT_NE(Refusal(model.Text()).find("names no tensor"), std::string::npos) << name;
  }
  ModelText model = IdentityModel({{"x"}});
  model.signature.Entry(1, "y", TensorInfo("a/b:c:7", {"y"}));
  const auto found = *InspectSavedModel(model.Text());
  EXPECT_EQ(found.inputs[1].operation, "a/b:c");
  EXPECT_EQ(found.inputs[1].output_index, 7);
}

TEST(TensorFlowInspect, UnknownRank) {
  ModelText model = IdentityModel({{"x"}});
  model.signature.Entry(1, "y",
                        Message().Bytes(1, "y:0").Number(2, 1).Sub(3, Message().Number(3, 1)));
  const auto found = *InspectSavedModel(model.Text());
  EXPECT_EQ(found.inputs[1].spec.shape, (std::vector<std::int64_t>{-1}));
}

TEST(TensorFlowInspect, OperationsThatReachOutside) {
  ModelText model = IdentityModel({{"x"}});
  model.graph.Sub(1, Node("reads", "ReadFile", {}, 1));
  EXPECT_NE(Refusal(model.Text()).find("ReadFile"), std::string::npos);
  model = IdentityModel({{"x"}});
  const Message function = Message().Sub(3, Node("calls", "EagerPyFunc", {}, 1));
  model.graph.Sub(2, Message().Sub(1, function));
  EXPECT_NE(Refusal(model.Text()).find("EagerPyFunc"), std::string::npos);
}

TEST(TensorFlowInspect, DamagedBytesAreNoCrash) {
  const std::string good = IdentityModel({{"x"}, {"y", 7, {}}}).Text();
  for (std::size_t i = 0; i < good.size(); ++i) {
    (void)InspectSavedModel(std::string_view(good).substr(0, i));
    std::string bad = good;
    for (const char bits : {'\x01', '\x80', '\xff'}) {
      bad[i] = static_cast<char>(good[i] ^ bits);
      (void)InspectSavedModel(bad);
    }
  }
  EXPECT_FALSE(InspectSavedModel("").ok());
  EXPECT_FALSE(InspectSavedModel("PK\x03\x04").ok());
}

class SavedModelZip : public testing::Test {
 protected:
  SavedModelZip() {
    std::string path = testing::TempDir() + "savedmodel-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    zip_ = folder_ + "/model.zip";
  }
  ~SavedModelZip() override {
    // Inspecting leaves nothing behind.
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      EXPECT_TRUE(file.path().extension() == ".zip" || file.path().filename() == "out") << file;
    }
    std::filesystem::remove_all(folder_);
  }

  std::string RefusalOf(const std::vector<std::pair<std::string, std::string>>& files) {
    WriteZip(zip_, files);
    const auto model = InspectSavedModelZip(zip_);
    EXPECT_FALSE(model.ok());
    EXPECT_EQ(model.status().code(), Code::kInvalidArgument);
    EXPECT_FALSE(model.status().hint().empty());
    return model.status().message();
  }

  const std::string graph_ = IdentityModel({{"x"}}).Text();
  std::string folder_, zip_;
};

TEST_F(SavedModelZip, AtTheTopOrInAFolder) {
  for (const std::string root : {"", "alohacnnlstm/", "a/b/"}) {
    WriteZip(zip_, {{root + "saved_model.pb", graph_},
                    {root + "assets/words.txt", "hello"},
                    {"__MACOSX/" + root + "saved_model.pb", "noise"},
                    {"__MACOSX/" + root + "._saved_model.pb", "noise"}});
    const auto model = InspectSavedModelZip(zip_);
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    EXPECT_EQ(model->inputs.size(), 1U);
    const std::string out = folder_ + "/out";
    std::filesystem::create_directory(out);
    ASSERT_TRUE(ExtractSavedModelZip(zip_, out).ok());
    EXPECT_EQ(*ReadFile(out + "/saved_model.pb", 1 << 20), graph_);
    EXPECT_EQ(*ReadFile(out + "/assets/words.txt", 100), "hello");
    EXPECT_FALSE(std::filesystem::exists(out + "/__MACOSX"));
    std::filesystem::remove_all(out);
  }
}

TEST_F(SavedModelZip, WhatElseItMayBe) {
  EXPECT_NE(RefusalOf({}).find("empty"), std::string::npos);
  EXPECT_NE(RefusalOf({{"a.txt", "x"}}).find("no saved_model.pb"), std::string::npos);
  EXPECT_NE(RefusalOf({{"m/saved_model.pbtxt", "x"}}).find("text form"), std::string::npos);
  EXPECT_NE(RefusalOf({{"m/model.h5", "x"}}).find("Keras"), std::string::npos);
  EXPECT_NE(RefusalOf({{"model.weights.h5", "x"}, {"config.json", "{}"}}).find("Keras"),
            std::string::npos);
  EXPECT_NE(
      RefusalOf({{"a/saved_model.pb", graph_}, {"b/saved_model.pb", graph_}}).find("more than"),
      std::string::npos);
  EXPECT_NE(RefusalOf({{"notsaved_model.pb", graph_}}).find("no saved_model.pb"),
            std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(zip_, "\x89HDF\r\n").ok());
  EXPECT_NE(InspectSavedModelZip(zip_).status().message().find("HDF5"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(zip_, "").ok());
  EXPECT_NE(InspectSavedModelZip(zip_).status().message().find("empty"), std::string::npos);
}

TEST_F(SavedModelZip, MissingVariables) {
  ModelText with = IdentityModel({{"x"}});
  with.saver = true;
  with.graph.Sub(1, Node("weights", "VarHandleOp", {}, 1, "dtype"));
  const std::string graph = with.Text();
  EXPECT_NE(RefusalOf({{"m/saved_model.pb", graph}}).find("variables.index"), std::string::npos);
  EXPECT_NE(
      RefusalOf({{"m/saved_model.pb", graph}, {"m/variables/variables.index", "i"}}).find("data-"),
      std::string::npos);
  EXPECT_NE(RefusalOf({{"m/saved_model.pb", graph},
                       {"m/variables/variables.index", "i"},
                       {"m/variables/variables.data-00001-of-00002", "d"}})
                .find("data-00000-of-00002' is missing"),
            std::string::npos);
  EXPECT_NE(RefusalOf({{"m/saved_model.pb", graph},
                       {"m/variables/variables.index", "i"},
                       {"m/variables/variables.data-0", "d"}})
                .find("no name"),
            std::string::npos);
  WriteZip(zip_, {{"m/saved_model.pb", graph},
                  {"m/variables/variables.index", "i"},
                  {"m/variables/variables.data-00000-of-00002", "d"},
                  {"m/variables/variables.data-00001-of-00002", "d"}});
  EXPECT_TRUE(InspectSavedModelZip(zip_).ok());
}

}  // namespace
}  // namespace joey
