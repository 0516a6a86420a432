// Random tables through JSON and through Arrow keep every bit of every type.
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compare.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "data/answer.h"
#include "data/arrow_ipc.h"
#include "data/json_print.h"
#include "data/json_records.h"
#include "data/schema_cache.h"

namespace joey {
namespace {

class RandomTable {
 public:
  explicit RandomTable(unsigned seed) : random_(seed) {}

  std::size_t Below(std::size_t n) { return random_() % n; }

  std::shared_ptr<arrow::Array> Values(JsonKind kind, std::int64_t count) {
    switch (kind) {
      case JsonKind::kDouble: {
        arrow::DoubleBuilder builder;
        for (std::int64_t i = 0; i < count; ++i) (void)builder.Append(AnyDouble());
        return *builder.Finish();
      }
      case JsonKind::kInt64: {
        arrow::Int64Builder builder;
        for (std::int64_t i = 0; i < count; ++i) (void)builder.Append(AnyInteger());
        return *builder.Finish();
      }
      case JsonKind::kUInt64: {
        arrow::UInt64Builder builder;
        for (std::int64_t i = 0; i < count; ++i) {
          (void)builder.Append(static_cast<std::uint64_t>(AnyInteger()));
        }
        return *builder.Finish();
      }
      case JsonKind::kBool: {
        arrow::BooleanBuilder builder;
        for (std::int64_t i = 0; i < count; ++i) (void)builder.Append(Below(2) == 1);
        return *builder.Finish();
      }
      default: {
        arrow::StringBuilder builder;
        for (std::int64_t i = 0; i < count; ++i) (void)builder.Append(AnyText());
        return *builder.Finish();
      }
    }
  }

  // `rows` cells of `depth` levels of lists.
  std::shared_ptr<arrow::Array> Column(JsonKind kind, std::int64_t rows, int depth) {
    if (depth == 0) return Values(kind, rows);
    arrow::Int32Builder offsets;
    std::int32_t end = 0;
    (void)offsets.Append(0);
    for (std::int64_t i = 0; i < rows; ++i) {
      // Lists that are all empty have no values to tell a type from: one each at least.
      end += static_cast<std::int32_t>(1 + Below(4));
      (void)offsets.Append(end);
    }
    const auto values = Column(kind, end, depth - 1);
    return std::make_shared<arrow::ListArray>(ListOf(values->type(), ListFlavor::kItem), rows,
                                              (*offsets.Finish())->data()->buffers[1], values);
  }

 private:
  double AnyDouble() {
    static constexpr double kCorners[] = {0.0,
                                          -0.0,
                                          1.0,
                                          0.1,
                                          std::numeric_limits<double>::max(),
                                          std::numeric_limits<double>::min(),
                                          std::numeric_limits<double>::denorm_min(),
                                          9007199254740993.0,
                                          1e22,
                                          1e23,
                                          123456789012345680.0};
    if (Below(4) == 0) return kCorners[Below(std::size(kCorners))];
    if (Below(2) == 0)
      return std::round(std::ldexp(static_cast<double>(random_()), -40) * 1e3) / 1e3;
    for (;;) {
      const std::uint64_t bits = random_();
      double value;
      std::memcpy(&value, &bits, sizeof value);
      if (std::isfinite(value)) return value;
    }
  }
  std::int64_t AnyInteger() {
    return static_cast<std::int64_t>(random_() >> (Below(2) == 0 ? Below(64) : 0));
  }
  std::string AnyText() {
    static const char* const kPieces[] = {"a",    "\"",   "\\", "/",      "\n",     "\t",
                                          "\x01", "\x7f", "ä",  "€",      "\u2028", "\U0001F600",
                                          " ",    "null", "]",  "\\u0041"};
    std::string out;
    for (std::size_t n = Below(12); n > 0; --n) out += kPieces[Below(std::size(kPieces))];
    return out;
  }

  std::mt19937_64 random_;
};

struct Made {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<JsonColumnHint> hints;
};

Made MakeTable(unsigned seed) {
  static constexpr JsonKind kKinds[] = {JsonKind::kDouble, JsonKind::kInt64, JsonKind::kUInt64,
                                        JsonKind::kBool, JsonKind::kString};
  RandomTable random(seed);
  const auto rows = static_cast<std::int64_t>(1 + random.Below(20));
  Made made;
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (std::size_t i = 0, n = 1 + random.Below(6); i < n; ++i) {
    const JsonKind kind = kKinds[random.Below(std::size(kKinds))];
    const auto depth = static_cast<int>(random.Below(4));
    const std::string name = "c" + std::to_string(i) + (random.Below(3) ? "" : ".\"x\u00e9");
    columns.push_back(random.Column(kind, rows, depth));
    fields.push_back(arrow::field(name, columns.back()->type(), false));
    made.hints.push_back({"in." + name, kind});
  }
  made.batch = arrow::RecordBatch::Make(arrow::schema(fields), rows, columns);
  return made;
}

InferenceRecord RecordOf(const Made& made) {
  InferenceRecord record;
  record.context = std::make_shared<RecordContext>();
  record.rows = made.batch->num_rows();
  record.in = made.batch;
  record.out = arrow::RecordBatch::Make(arrow::schema({}), record.rows, arrow::ArrayVector{});
  return record;
}

bool SameBits(const arrow::Array& a, const arrow::Array& b) {
  return a.Equals(b, arrow::EqualOptions().signed_zeros_equal(false).nans_equal(true));
}

std::string Text(const InferenceRecord& record, std::span<const std::string_view> cells,
                 const AnswerOptions& options, int threads = 1) {
  std::string out;
  for (const std::string& piece : WriteJsonAnswer(record, cells, options, threads)) out += piece;
  return out;
}

TEST(RoundTrip, TwoThreadsWriteWhatOneWrites) {
  std::vector<float> values(60'001);
  std::iota(values.begin(), values.end(), 0.5F);
  const auto rows = static_cast<std::int64_t>(values.size());
  const auto column =
      std::make_shared<arrow::FloatArray>(rows, arrow::Buffer::FromVector(std::move(values)));
  InferenceRecord record =
      RecordOf({arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::float32())}), rows,
                                         {column}),
                {}});
  for (const bool metadata : {false, true}) {
    const AnswerOptions options{metadata ? Dataset::All() : Dataset({"in"}, {}), "."};
    EXPECT_EQ(WriteJsonAnswer(record, {}, options, 2).size(), 2U);
    EXPECT_EQ(Text(record, {}, options, 2), Text(record, {}, options));
  }
}

TEST(RoundTrip, JsonKeepsEveryBit) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const Made made = MakeTable(seed);
    const InferenceRecord record = RecordOf(made);
    AnswerOptions options{Dataset({"in"}, {}), "."};
    const std::string text = Text(record, {}, options);
    const std::string padded = text + std::string(64, ' ');
    for (const int threads : {1, 2}) {
      auto read =
          ParseJsonRecords(std::string_view(padded).substr(0, text.size()), made.hints, threads);
      ASSERT_TRUE(read.ok()) << seed << ": " << read.status().ToString() << "\n" << text;
      // The first column is the time.
      ASSERT_EQ(read->batch->num_columns(), made.batch->num_columns() + 1);
      for (int i = 0; i < made.batch->num_columns(); ++i) {
        ASSERT_EQ(read->batch->column_name(i + 1), "in." + made.batch->column_name(i));
        ASSERT_TRUE(SameBits(*read->batch->column(i + 1), *made.batch->column(i)))
            << seed << ", column " << i << "\n"
            << text;
      }
      // Echoed cells are the same text again.
      InferenceRecord again = record;
      again.in = read->batch;
      const std::string echoed = Text(again, read->cells, options);
      const std::string printed = Text(again, {}, options);
      ASSERT_EQ(echoed, printed) << seed;
    }
  }
}

TEST(RoundTrip, ArrowKeepsEveryBit) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    const Made made = MakeTable(seed);
    auto parts = EncodeArrowFile(*made.batch);
    ASSERT_TRUE(parts.ok());
    std::string bytes;
    for (const ArrowPart& part : *parts) bytes += part.bytes;
    auto body = std::make_shared<std::string>(std::move(bytes));
    auto read = DecodeArrow(body, *body);
    ASSERT_TRUE(read.ok()) << seed << ": " << read.status().ToString();
    ASSERT_EQ((*read)->num_columns(), made.batch->num_columns());
    for (int i = 0; i < made.batch->num_columns(); ++i) {
      ASSERT_TRUE(SameBits(*(*read)->column(i), *made.batch->column(i)))
          << seed << ", column " << i;
    }
  }
}

TEST(RoundTrip, Float32IsTheShortestTextThatComesBack) {
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    const std::uint32_t bits = random();
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    arrow::FloatBuilder builder;
    (void)builder.Append(value);
    const auto array = *builder.Finish();
    std::string text = "[{\"x\":[";
    AppendJsonValue(text, *array->data(), 0);
    text += "]}]";
    const std::size_t size = text.size();
    text.append(64, ' ');
    const JsonColumnHint hint{"x", JsonKind::kDouble};
    auto read = ParseJsonRecords(std::string_view(text).substr(0, size), {&hint, 1});
    ASSERT_TRUE(read.ok()) << text;
    const auto& list = static_cast<const arrow::ListArray&>(*read->batch->column(0));
    const auto back =
        static_cast<float>(static_cast<const arrow::DoubleArray&>(*list.values()).Value(0));
    ASSERT_EQ(std::memcmp(&back, &value, sizeof value), 0) << text;
  }
}

}  // namespace
}  // namespace joey
