#include "data/json_input.h"

#include <arrow/array.h>
#include <gtest/gtest.h>

#include <random>

namespace joey {
namespace {

Result<std::shared_ptr<arrow::RecordBatch>> Parse(std::string_view text,
                                                  std::vector<JsonColumnHint> hints = {
                                                      {"x", JsonKind::kDouble}}) {
  std::string padded(text);
  padded.append(64, '7');
  auto out = ParseJsonInput({padded.data(), text.size()}, hints);
  if (!out.ok()) return out.status();
  return std::move(out->batch);
}

std::string Shown(std::string_view text) {
  auto batch = Parse(text);
  if (!batch.ok()) return batch.status().ToString();
  std::string out;
  for (int i = 0; i < (*batch)->num_columns(); ++i) {
    out +=
        (*batch)->schema()->field(i)->name() + ":" + (*batch)->column(i)->type()->ToString() + " ";
  }
  return out + std::to_string((*batch)->num_rows());
}

TEST(JsonInput, DictOfColumns) {
  EXPECT_EQ(Shown(R"({"x": [[1, 2.5], [3, 4]]})"), "x:list<item: double> 2");
  EXPECT_EQ(Shown(R"( {"x":[1,2,3],"n":[1,2,3],"s":["a","b","c"],"b":[true,false,true]} )"),
            "x:double n:int64 s:string b:bool 3");
  EXPECT_EQ(Shown(R"({"x": [[[1,2],[3,4]], [[5,6],[7,8]], [[9,0],[1,2]]]})"),
            "x:list<item: list<item: double>> 3");
  EXPECT_EQ(Shown(R"({"x":[[1]],"\u0078y":[["q"]]})"),
            "x:list<item: double> xy:list<item: string> 1");
}

TEST(JsonInput, ListOfRowsGoesToTheOnlyInput) {
  EXPECT_EQ(Shown("[[1,2],[3,4]]"), "x:list<item: double> 2");
  EXPECT_EQ(Shown("[[[1,2]],[[3,4]]]"), "x:list<item: list<item: double>> 2");
  EXPECT_EQ(Shown(" [ 1, 2.5, 3 ] "), "x:double 3");
  std::vector<JsonColumnHint> two{{"a", JsonKind::kDouble}, {"b", JsonKind::kDouble}};
  auto status = Parse("[[1,2]]", two).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("'a', 'b'"), std::string::npos) << status.message();
  EXPECT_FALSE(Parse("[[1,2]]", std::vector<JsonColumnHint>{}).ok());
}

TEST(JsonInput, RecordsAreReadAsRecords) {
  EXPECT_EQ(Shown(R"([{"x":[1,2]},{"x":[3,4]}])"), "x:list<item: double> 2");
}

TEST(JsonInput, AllThreeFormsGiveTheSameColumns) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> value(-1e6, 1e6);
  for (int rows : {1, 2, 300}) {
    std::string list = "[";
    std::string records = "[";
    for (int i = 0; i < rows; ++i) {
      std::string row = "[";
      for (int j = 0; j < 7; ++j) row += (j > 0 ? ", " : "") + std::to_string(value(random));
      row += "]";
      list += (i > 0 ? "," : "") + row;
      records += (i > 0 ? ",{\"x\":" : "{\"x\":") + row + "}";
    }
    list += "]";
    auto from_list = Parse(list);
    auto from_dict = Parse("{\"x\":" + list + "}");
    auto from_records = Parse(records + "]");
    ASSERT_TRUE(from_list.ok() && from_dict.ok() && from_records.ok());
    EXPECT_TRUE((*from_list)->Equals(**from_dict));
    EXPECT_TRUE((*from_list)->Equals(**from_records));
  }
}

TEST(JsonInput, WhatIsWrongIsNamed) {
  struct Bad {
    std::string_view text;
    std::string_view word;
  };
  const Bad texts[] = {
      {"", "empty"},
      {"  ", "empty"},
      {"null", "dict of columns"},
      {"\"x\"", "dict of columns"},
      {"5", "dict of columns"},
      {"{}", "no rows"},
      {"[]", "no rows"},
      {R"({"x":[]})", "no rows"},
      {R"({"x":5})", "'x' is a single value"},
      {R"({"x":"a"})", "'x' is a text"},
      {R"({"x":null})", "'x' is null"},
      {R"({"x":{"0":1,"1":2}})", "'x' is a dict"},
      {R"({"x":[[1]],"x":[[1]]})", "twice"},
      {R"({"x":[[1],[2]],"y":[1]})", "'y' has 1 rows, 'x' has 2"},
      {R"({"x":[[1],[null]]})", "row 1, column 'x'"},
      {R"({"x":[[1],["a"]]})", "row 1, column 'x'"},
      {R"({"x":[[1],[[1]]]})", "nesting"},
      {R"({"x":[[1],2]})", "row 1, column 'x'"},
      {R"({"x":[[1],{"a":1}]})", "row 1, column 'x'"},
      {R"({"x":[[1]]}})", "not inference data"},
      {R"({"x":[[1]]} 1)", "not inference data"},
      {R"({"x":[[1]])", "not inference data"},
      {R"({"x":[[1,)", "not inference data"},
      {R"({"x" [[1]]})", "not inference data"},
      {"[[1,2],[3,NaN]]", "row 1"},
      {"[[1,2],[01]]", "row 1"},
      {"[[1,2]", "not inference data"},
  };
  for (const Bad& bad : texts) {
    auto status = Parse(bad.text).status();
    ASSERT_EQ(status.code(), Code::kInvalidArgument) << bad.text;
    EXPECT_NE(status.message().find(bad.word), std::string::npos)
        << bad.text << " → " << status.message();
    EXPECT_FALSE(status.hint().empty()) << bad.text;
  }
}

TEST(JsonInput, DeepNestingEndsEarly) {
  const std::string deep(100000, '[');
  EXPECT_FALSE(Parse(deep).ok());
  EXPECT_FALSE(Parse(deep + std::string(100000, ']')).ok());
  EXPECT_FALSE(Parse("{\"x\":" + deep + std::string(100000, ']') + "}").ok());
}

TEST(JsonInput, CutAnywhereItIsRefused) {
  const std::string text = R"({"x": [[1.5, 2], [3, 4]], "s": ["a\"b", "c"]})";
  ASSERT_TRUE(Parse(text).ok());
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(Parse(text.substr(0, size)).ok()) << size;
}

}  // namespace
}  // namespace joey
