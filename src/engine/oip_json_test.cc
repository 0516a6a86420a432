#include "engine/oip_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "base/limits.h"

namespace joey::engine {
namespace {

Result<OipRestRequest> Parse(std::string_view json, std::string_view binary = "") {
  return ParseOipJson(http::Body(std::string(json) + std::string(binary)), json.size());
}

OipRestRequest Good(std::string_view json, std::string_view binary = "") {
  auto parsed = Parse(json, binary);
  EXPECT_TRUE(parsed.ok()) << json << "\n" << parsed.status().ToString();
  return parsed.ok() ? std::move(*parsed) : OipRestRequest();
}

std::string Refusal(std::string_view json, std::string_view binary = "") {
  auto parsed = Parse(json, binary);
  EXPECT_FALSE(parsed.ok()) << json;
  EXPECT_FALSE(parsed.status().hint().empty()) << parsed.status().message();
  return parsed.status().message();
}

std::string Input(std::string_view datatype, std::string_view shape, std::string_view data) {
  return R"({"inputs":[{"name":"x","datatype":")" + std::string(datatype) + R"(","shape":)" +
         std::string(shape) + R"(,"data":)" + std::string(data) + "}]}";
}

template <typename T>
std::vector<T> Values(const OipTensor& tensor) {
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

TEST(ParseOipJson, KeysInAnyOrder) {
  std::vector<std::string> keys = {R"("name":"x")", R"("datatype":"FP32")", R"("shape":[1,2])",
                                   R"("data":[[1.5,-2]])", R"("parameters":{"a":{"b":[1]}})"};
  std::sort(keys.begin(), keys.end());
  do {
    std::string input;
    for (const std::string& key : keys) input += (input.empty() ? "{" : ",") + key;
    const std::string json =
        R"({"inputs":[)" + input + R"(},)" + input + R"(}],"id":"7","outputs":[{"name":"y"}]})";
    const OipRestRequest parsed = Good(json);
    ASSERT_EQ(parsed.request.inputs.size(), 2U) << json;
    for (const OipTensor& tensor : parsed.request.inputs) {
      EXPECT_EQ(tensor.name, "x");
      EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{1, 2}));
      EXPECT_EQ(Values<float>(tensor), (std::vector<float>{1.5, -2}));
    }
    EXPECT_EQ(parsed.request.id, "7");
    EXPECT_EQ(parsed.request.outputs, std::vector<std::string>{"y"});
  } while (std::next_permutation(keys.begin(), keys.end()));
}

TEST(ParseOipJson, FlatAndNestedData) {
  for (const char* data : {"[1,2,3,4,5,6,7,8]", "[[[1,2],[3,4]],[[5,6],[7,8]]]"}) {
    for (const char* datatype : {"FP64", "INT64"}) {
      const OipRestRequest parsed = Good(Input(datatype, "[2,2,2]", data));
      if (datatype[0] == 'F') {
        EXPECT_EQ(Values<double>(parsed.request.inputs[0]),
                  (std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8}));
      } else {
        EXPECT_EQ(Values<std::int64_t>(parsed.request.inputs[0]),
                  (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
      }
    }
  }
}

TEST(ParseOipJson, WrongNestingOrCount) {
  for (const char* datatype : {"FP32", "INT32"}) {
    for (const char* data :
         {"[[1,2,3,4],[5,6,7,8]]", "[[[1,2],[3,4]],[5,6,7,8]]", "[[[1,2,3],[4]],[[5,6],[7,8]]]",
          "[1,2,3,4,5,6,7]", "[1,2,3,4,5,6,7,8,9]", "[[[[1,2,3,4,5,6,7,8]]]]", "[]", "[[],[]]",
          "[[[1,2],[3,4]],[[5,6],[7,8]],[]]", "[1,2,3,4,[5,6,7,8]]", "1", "\"12345678\"", "{}",
          "null"}) {
      EXPECT_NE(Refusal(Input(datatype, "[2,2,2]", data)).find("'x'"), std::string::npos) << data;
    }
  }
}

TEST(ParseOipJson, EveryTypeAtItsLimits) {
  EXPECT_EQ(Values<std::int8_t>(Good(Input("INT8", "[2]", "[-128,127]")).request.inputs[0]),
            (std::vector<std::int8_t>{-128, 127}));
  EXPECT_EQ(Values<std::uint64_t>(
                Good(Input("UINT64", "[1]", "[18446744073709551615]")).request.inputs[0]),
            std::vector<std::uint64_t>{UINT64_MAX});
  EXPECT_EQ(
      Values<std::int64_t>(Good(Input("INT64", "[1]", "[-9223372036854775808]")).request.inputs[0]),
      std::vector<std::int64_t>{INT64_MIN});
  EXPECT_EQ(Values<std::uint16_t>(Good(Input("FP16", "[2]", "[1,-2.0]")).request.inputs[0]),
            (std::vector<std::uint16_t>{0x3c00, 0xc000}));
  const OipRestRequest wide = Good(Input("BF16", "[1]", "[0.1]"));
  EXPECT_EQ(wide.request.inputs[0].datatype, "FP32");
  EXPECT_EQ(Good(Input("BOOL", "[2]", "[true,false]")).request.inputs[0].bytes,
            std::string_view("\1\0", 2));
  EXPECT_EQ(Good(Input("BYTES", "[2]", R"(["a\u00fc",""])")).request.inputs[0].bytes,
            std::string_view("\3\0\0\0a\xc3\xbc\0\0\0\0", 11));
}

TEST(ParseOipJson, ElementsThatDoNotFit) {
  for (const auto& [datatype, data] : std::vector<std::pair<const char*, const char*>>{
           {"INT8", "[128]"},    {"UINT8", "[-1]"},   {"INT32", "[1.5]"},
           {"UINT64", "[-1]"},   {"INT64", "[1e3]"},  {"INT64", "[9223372036854775808]"},
           {"INT8", "[true]"},   {"INT8", "[\"1\"]"}, {"INT8", "[null]"},
           {"FP32", "[null]"},   {"FP32", "[NaN]"},   {"FP32", "[true]"},
           {"FP32", "[\"1\"]"},  {"FP64", "[1e999]"}, {"BOOL", "[1]"},
           {"BOOL", "[\"\"]"},   {"BYTES", "[1]"},    {"BYTES", "[null]"},
           {"BYTES", "[{}]"},    {"FP32", "[01]"},    {"FP32", "[1,]"},
           {"STRING", "[\"\"]"}, {"fp32", "[1]"},     {"", "[1]"}}) {
    Refusal(Input(datatype, "[1]", data));
  }
}

TEST(ParseOipJson, BadShapesAllocateNothing) {
  for (const char* shape :
       {"[]", "[0]", "[-1]", "[1.5]", "[\"1\"]", "1", "null", "[[1]]", "[9223372036854775808]",
        "[4294967296,4294967296]", "[2000000000]", "[1,1,1,1,1,1,1,1,1]"}) {
    Refusal(Input("FP64", shape, "[1]"));
  }
}

TEST(ParseOipJson, BinaryTensorsFollowInOrder) {
  const std::string json =
      R"({"parameters":{"binary_data_output":true},"inputs":[)"
      R"({"name":"a","shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}},)"
      R"({"name":"b","shape":[1],"datatype":"UINT8","data":[3]},)"
      R"({"name":"c","shape":[1],"datatype":"INT16","parameters":{"binary_data_size":2}}],)"
      R"("outputs":[{"name":"y"},{"name":"z","parameters":{"binary_data":false}}]})";
  const OipRestRequest parsed = Good(json, "\1\2\5\6");
  EXPECT_EQ(parsed.request.inputs[0].bytes, "\1\2");
  EXPECT_EQ(parsed.request.inputs[1].bytes, "\3");
  EXPECT_EQ(parsed.request.inputs[2].bytes, "\5\6");
  EXPECT_TRUE(parsed.binary_output);
  EXPECT_EQ(parsed.binary, (std::vector<bool>{true, false}));
  EXPECT_NE(Refusal(json, "\1\2\5").find("'c'"), std::string::npos);
  EXPECT_NE(Refusal(json, "\1\2\5\6\7").find("no tensor"), std::string::npos);
}

TEST(ParseOipJson, BadParameters) {
  const auto input = [](std::string_view parameters) {
    return R"({"inputs":[{"name":"a","shape":[2],"datatype":"UINT8","parameters":)" +
           std::string(parameters) + "}]}";
  };
  for (const char* parameters :
       {R"({"binary_data_size":-2})", R"({"binary_data_size":"2"})", R"({"binary_data_size":1.5})",
        R"({"binary_data_size":99999999999999999999})", R"({"shared_memory_region":"r"})", "[]",
        "null", "{}"}) {
    Refusal(input(parameters), "\1\2");
  }
  EXPECT_NE(Refusal(input(R"({"binary_data_size":18446744073709551615})"), "\1\2").find("'a'"),
            std::string::npos);
}

TEST(ParseOipJson, BadDocuments) {
  for (const char* json :
       {"",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "1",
        "{}",
        R"({"inputs":1})",
        R"({"inputs":[1]})",
        R"({"inputs":[[]]})",
        R"({"inputs":[{}]})",
        R"({"inputs":[],"inputs":[]})",
        R"({"inputs":[]} {})",
        R"({"inputs":[]}x)",
        R"({"inputs":[)",
        R"({"inputs":[{"name":"x"}})",
        R"({"inputs":[],"id":1})",
        R"({"inputs":[],"outputs":{}})",
        R"({"inputs":[],"outputs":[{}]})",
        R"({"inputs":[],"parameters":[]})",
        R"({"inputs":[],"parameters":{"binary_data_output":1}})",
        "{\"inputs\":[],\"id\":\"\xff\"}",
        R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"data":[2]}]})",
        R"({"inputs":[{"data":[1],"shape":[1],"datatype":"FP32","data":[2],"name":"x"}]})",
        R"({"inputs":[{"name":1,"shape":[1],"datatype":"FP32","data":[1]}]})",
        R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1})",
        R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1}]})"}) {
    Refusal(json);
  }
  Refusal(Input("FP32", "[1]", std::string(2000, '[')));
  Refusal(Input("FP32", "[1]", std::string(2000, '[') + std::string(2000, ']')));
}

// Whatever happens to a good request, it is read or refused with a hint.
TEST(ParseOipJson, DamagedRequests) {
  const std::string good =
      R"({"id":"a","inputs":[{"data":["é","\u00e9"],"name":"t","shape":[2],"datatype":"BYTES"},)"
      R"({"name":"x","shape":[2,2],"datatype":"FP32","data":[[1.5,2],[3e1,4]]},)"
      R"({"name":"b","shape":[2],"datatype":"INT8","parameters":{"binary_data_size":2}}],)"
      R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
  Good(good, "\1\2");
  std::mt19937 random(7);
  static constexpr std::string_view kBytes =
      "[]{},:\"\\0129.eE- \0\xff"
      "at";
  for (int round = 0; round < 20'000; ++round) {
    std::string json = good;
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
      const std::size_t at = random() % json.size();
      switch (random() % 3) {
        case 0:
          json[at] = kBytes[random() % kBytes.size()];
          break;
        case 1:
          json.erase(at, 1 + random() % 4);
          break;
        default:
          json.insert(at, 1, kBytes[random() % kBytes.size()]);
      }
    }
    auto parsed = Parse(json, "\1\2");
    if (!parsed.ok()) {
      ASSERT_FALSE(parsed.status().hint().empty()) << json;
      continue;
    }
    auto batch = OipToBatch(std::move(parsed->request.inputs));
    ASSERT_TRUE(!batch.ok() || (*batch)->ValidateFull().ok()) << json;
  }
}

TEST(WriteOipAnswer, JsonAndBinaryOutputs) {
  const OipModelInfo model{"p", "v"};
  auto batch = OipToBatch({Good(Input("FP32", "[2,2]", "[1,2,3,4]")).request.inputs[0]});
  ASSERT_TRUE(batch.ok());
  for (bool binary : {false, true}) {
    auto one = OipFromColumn("y", *(*batch)->column(0));
    auto other = OipFromColumn("z", *(*batch)->column(0));
    ASSERT_TRUE(one.ok() && other.ok());
    const http::Response response =
        WriteOipAnswer(model, "i\"d", {std::move(*one), std::move(*other)}, {false, binary});
    std::string json = response.body;
    if (binary) {
      ASSERT_EQ(response.headers.size(), 1U);
      EXPECT_EQ(response.headers[0].first, "Inference-Header-Content-Length");
      json = response.body.substr(0, std::stoul(response.headers[0].second));
      EXPECT_EQ(response.body.size() - json.size(), 16U);
    }
    const auto document = nlohmann::json::parse(json);
    EXPECT_EQ(document["id"], "i\"d");
    EXPECT_EQ(document["outputs"][0]["data"], (std::vector<float>{1, 2, 3, 4}));
    EXPECT_EQ(document["outputs"][1]["shape"], (std::vector<int>{2, 2}));
    EXPECT_EQ(document["outputs"][1].contains("data"), !binary);
    if (binary) {
      EXPECT_EQ(document["outputs"][1]["parameters"]["binary_data_size"], 16);
    }
  }
}

}  // namespace
}  // namespace joey::engine
