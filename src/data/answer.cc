#include "data/answer.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <algorithm>
#include <future>

#include "data/json_print.h"
#include "data/made_columns.h"

namespace joey {

namespace {

constexpr std::size_t kSplitBytes = 512 << 10;  // answers from here on are written by two threads

constexpr std::string_view kMetadata = "metadata";

constexpr std::string_view kMetadataNames[] = {"last_model", "pipeline_version", "elapsed",
                                               "dropped", "partition"};

// The metadata of a request is the same in each of its rows.
void AppendMetadata(std::string& out, const InferenceRecord& record, std::string_view name) {
  const RecordContext& context = *record.context;
  if (name == "last_model") return AppendJsonString(out, context.last_model);
  if (name == "pipeline_version") return AppendJsonString(out, context.pipeline_version);
  if (name == "partition") return AppendJsonString(out, context.partition);
  out += '[';
  for (std::size_t i = 0; name == "elapsed" && i < record.elapsed_ns.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(out, static_cast<std::int64_t>(record.elapsed_ns[i]));
  }
  out += ']';
}

// A column of record.extra and the two parts of its name.
struct ExtraColumn {
  int index;
  std::string_view
      group;  // "out_challenger", "anomaly", "metadata"; all of it where there is no point
  std::string_view name;
};

constexpr int kMissing = -1;  // index of a column that should be there and is not

ExtraColumn ExtraNamed(std::string_view full, int index) {
  const std::size_t point = full.find('.');
  return {index, full.substr(0, point),
          point == std::string_view::npos ? std::string_view() : full.substr(point + 1)};
}

// Those whose group begins with `prefix`.
std::vector<ExtraColumn> ExtraOf(const InferenceRecord& record, std::string_view prefix) {
  std::vector<ExtraColumn> out;
  if (record.extra == nullptr) return out;
  const arrow::Schema& schema = *record.extra->schema();
  for (int i = 0; i < schema.num_fields(); ++i) {
    const std::string_view full = schema.field(i)->name();
    if (!full.starts_with(prefix)) continue;
    out.push_back(ExtraNamed(full, i));
  }
  return out;
}

// Challengers' columns, also those of challengers that gave nothing this time.
std::vector<ExtraColumn> ShadowsOf(const InferenceRecord& record) {
  std::vector<ExtraColumn> out = ExtraOf(record, "out_");
  for (const std::string& name : record.context->shadow_columns) {
    const ExtraColumn expected = ExtraNamed(name, kMissing);
    const bool there = std::any_of(out.begin(), out.end(), [&](const ExtraColumn& known) {
      return known.group == expected.group && known.name == expected.name;
    });
    if (there) continue;
    const auto behind = std::find_if(out.begin(), out.end(), [&](const ExtraColumn& known) {
      return known.group > expected.group;
    });
    out.insert(behind, expected);
  }
  return out;
}

std::string Joined(std::string_view group, std::string_view separator, std::string_view name) {
  std::string out(group);
  out += separator;
  out += name;
  return out;
}

// Writes rows as a fixed sequence of texts and cells.
class JsonRowWriter {
 public:
  JsonRowWriter(const InferenceRecord& record, std::span<const std::string_view> cells,
                const AnswerOptions& options)
      : record_(record), cells_(cells), options_(options), text_("{\"time\":") {
    AppendJsonInteger(text_, record.time_ms);
    AddColumns("in", *record.in, !cells.empty());
    AddColumns("out", *record.out, false);
    AddShadows();
    AddChecks();
    AddMetadata();
    text_ += '}';
    tail_ = std::move(text_);
  }

  // Rows [begin, end) of all: the texts of such ranges, one after the other, are the answer.
  std::string Write(std::int64_t begin, std::int64_t end) const {
    std::string out;
    out.reserve(FirstRowSize());
    for (std::int64_t row = begin; row < end; ++row) {
      out += row == 0 ? '[' : ',';
      for (const Cell& cell : row_) {
        out += cell.before;
        if (cell.is_text) {
          auto index =
              static_cast<std::size_t>(row) * static_cast<std::size_t>(record_.in->num_columns()) +
              static_cast<std::size_t>(cell.column);
          out += cells_[index];
        } else {
          AppendJsonValue(out, *cell.data, row);
        }
      }
      out += tail_;
      if (row == begin && end - begin > 1)
        out.reserve((out.size() + out.size() / 8 + 16) * static_cast<std::size_t>(end - begin));
    }
    if (end == record_.rows) out += ']';
    return out;
  }

  // About: texts are known, a number is rarely longer than 16 characters.
  std::size_t FirstRowSize() const {
    std::size_t size = 2 + tail_.size();
    for (const Cell& cell : row_) {
      size += cell.before.size();
      if (cell.is_text) {
        size += cells_[static_cast<std::size_t>(cell.column)].size();
        continue;
      }
      const arrow::ArrayData* values = cell.data;
      while (!values->child_data.empty()) values = values->child_data.front().get();
      const std::int64_t rows = std::max<std::int64_t>(record_.rows, 1);
      size += 16 * static_cast<std::size_t>(values->length / rows + 1);
    }
    return size;
  }

 private:
  struct Cell {
    std::string before;  // what stands before the cell: punctuation and key
    const arrow::ArrayData* data;
    int column;
    bool is_text;
  };

  bool flat() const { return !options_.separator.empty(); }

  void AddKey(std::string_view group, std::string_view name, bool& opened) {
    if (flat()) {
      text_ += ',';
      text_ += '"';
      AppendJsonEscaped(text_, group);
      AppendJsonEscaped(text_, options_.separator);
      AppendJsonEscaped(text_, name);
      text_ += '"';
    } else {
      text_ += ',';
      if (!opened) {
        AppendJsonString(text_, group);
        text_ += ":{";
        opened = true;
      }
      AppendJsonString(text_, name);
    }
    text_ += ':';
  }

  void CloseGroup(bool opened) {
    if (opened) text_ += '}';
  }

  void AddColumns(std::string_view group, const arrow::RecordBatch& batch, bool as_text) {
    bool opened = false;
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (!options_.dataset.Selects(group, batch.schema()->field(i)->name())) continue;
      AddKey(group, batch.schema()->field(i)->name(), opened);
      row_.push_back({std::move(text_), batch.column_data(i).get(), i, as_text});
      text_.clear();
    }
    CloseGroup(opened);
  }

  void AddExtra(const ExtraColumn& column, bool& opened) {
    AddKey(column.group, column.name, opened);
    if (column.index == kMissing) {
      text_ += "null";
      return;
    }
    row_.push_back({std::move(text_), record_.extra->column_data(column.index).get(), 0, false});
    text_.clear();
  }

  // Challengers have a group each.
  void AddShadows() {
    bool opened = false;
    std::string_view group;
    for (const ExtraColumn& column : ShadowsOf(record_)) {
      if (!options_.dataset.Selects(column.group, column.name)) continue;
      if (column.group != group) {
        CloseGroup(opened);
        opened = false;
        group = column.group;
      }
      AddExtra(column, opened);
    }
    CloseGroup(opened);
  }

  void AddChecks() {
    bool opened = false;
    const std::vector<ExtraColumn> anomalies = ExtraOf(record_, "anomaly");
    const std::vector<ExtraColumn> failures = ExtraOf(record_, "check_failures");
    for (const ExtraColumn& column : anomalies) {
      if (options_.dataset.Selects("anomaly", column.name)) AddExtra(column, opened);
    }
    CloseGroup(opened);
    if (!failures.empty()) {
      if (!options_.dataset.Selects("check_failures")) return;
      text_ += ",\"check_failures\":";
      row_.push_back(
          {std::move(text_), record_.extra->column_data(failures[0].index).get(), 0, false});
      text_.clear();
    } else if (record_.context->check_column == CheckColumn::kCheckFailures) {
      if (options_.dataset.Selects("check_failures")) text_ += ",\"check_failures\":[]";
    } else if (anomalies.empty() && options_.dataset.Selects("anomaly", "count")) {
      opened = false;
      AddKey("anomaly", "count", opened);
      text_ += '0';
      CloseGroup(opened);
    }
  }

  void AddMetadata() {
    bool opened = false;
    const std::vector<ExtraColumn> own = ExtraOf(record_, kMetadata);
    for (const std::string_view name : kMetadataNames) {
      if (!options_.dataset.Selects(kMetadata, name)) continue;
      const auto replaced = std::find_if(own.begin(), own.end(),
                                         [&](const ExtraColumn& c) { return c.name == name; });
      if (replaced != own.end()) {
        AddExtra(*replaced, opened);
        continue;
      }
      AddKey(kMetadata, name, opened);
      AppendMetadata(text_, record_, name);
    }
    CloseGroup(opened);
  }

  const InferenceRecord& record_;
  std::span<const std::string_view> cells_;
  const AnswerOptions& options_;
  std::vector<Cell> row_;
  std::string text_;  // gathered since the last cell
  std::string tail_;
};

std::shared_ptr<arrow::Array> RepeatElapsed(const std::vector<std::uint64_t>& elapsed,
                                            std::int64_t rows) {
  std::vector<std::uint64_t> values;
  values.reserve(elapsed.size() * static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i)
    values.insert(values.end(), elapsed.begin(), elapsed.end());
  std::vector<std::int32_t> ends(static_cast<std::size_t>(rows) + 1);
  for (std::size_t i = 0; i < ends.size(); ++i)
    ends[i] = static_cast<std::int32_t>(i * elapsed.size());
  return ListColumn(std::move(ends), NumberColumn(arrow::uint64(), std::move(values)));
}

// Answers count anomalies in an int8 (guide L10393ff).
std::shared_ptr<arrow::Array> CountsAsInt8(const arrow::UInt32Array& counts) {
  std::vector<std::int8_t> values;
  values.reserve(static_cast<std::size_t>(counts.length()));
  for (std::int64_t i = 0; i < counts.length(); ++i) {
    values.push_back(static_cast<std::int8_t>(std::min<std::uint32_t>(counts.Value(i), 127)));
  }
  return NumberColumn(arrow::int8(), std::move(values));
}

class TableBuilder {
 public:
  TableBuilder(const InferenceRecord& record, const AnswerOptions& options)
      : record_(record), options_(options) {}

  std::shared_ptr<arrow::RecordBatch> Build() {
    Add(arrow::field("time", arrow::timestamp(arrow::TimeUnit::MILLI)),
        NumberColumn(arrow::timestamp(arrow::TimeUnit::MILLI),
                     std::vector(row_count(), record_.time_ms)));
    AddBatch("in", *record_.in);
    AddBatch("out", *record_.out);
    AddShadows();
    AddChecks();
    AddMetadata();
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields_)), record_.rows,
                                    std::move(arrays_));
  }

 private:
  struct Group {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
  };

  std::size_t row_count() const { return static_cast<std::size_t>(record_.rows); }

  void Add(std::shared_ptr<arrow::Field> field, std::shared_ptr<arrow::Array> array) {
    fields_.push_back(std::move(field));
    arrays_.push_back(std::move(array));
  }

  void AddColumn(std::string_view group, const std::string& name, bool nullable,
                 std::shared_ptr<arrow::Array> array, Group& nested) {
    if (options_.separator.empty()) {
      nested.fields.push_back(arrow::field(name, array->type(), nullable));
      nested.arrays.push_back(std::move(array));
    } else {
      auto field = arrow::field(Joined(group, options_.separator, name), array->type(), nullable);
      Add(std::move(field), std::move(array));
    }
  }

  void AddGroup(std::string_view group, const Group& nested) {
    if (nested.fields.empty()) return;
    auto type = arrow::struct_(nested.fields);
    Add(arrow::field(std::string(group), type, false),
        std::make_shared<arrow::StructArray>(type, record_.rows, nested.arrays));
  }

  void AddBatch(std::string_view group, const arrow::RecordBatch& batch) {
    Group nested;
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (!options_.dataset.Selects(group, batch.column_name(i))) continue;
      AddColumn(group, batch.column_name(i), false, batch.column(i), nested);
    }
    AddGroup(group, nested);
  }

  void AddShadows() {
    Group nested;
    std::string_view group;
    for (const ExtraColumn& column : ShadowsOf(record_)) {
      if (!options_.dataset.Selects(column.group, column.name)) continue;
      if (column.group != group) {
        AddGroup(group, nested);
        nested = {};
        group = column.group;
      }
      const bool missing = column.index == kMissing;
      std::shared_ptr<arrow::Array> array = missing
                                                ? std::make_shared<arrow::NullArray>(record_.rows)
                                                : record_.extra->column(column.index);
      AddColumn(group, std::string(column.name), missing, std::move(array), nested);
    }
    AddGroup(group, nested);
  }

  void AddChecks() {
    Group nested;
    const std::vector<ExtraColumn> anomalies = ExtraOf(record_, "anomaly");
    const std::vector<ExtraColumn> failures = ExtraOf(record_, "check_failures");
    for (const ExtraColumn& column : anomalies) {
      if (!options_.dataset.Selects("anomaly", column.name)) continue;
      std::shared_ptr<arrow::Array> array = record_.extra->column(column.index);
      if (column.name == "count")
        array = CountsAsInt8(static_cast<const arrow::UInt32Array&>(*array));
      AddColumn("anomaly", std::string(column.name), true, std::move(array), nested);
    }
    if (!failures.empty() || record_.context->check_column == CheckColumn::kCheckFailures) {
      AddGroup("anomaly", nested);
      if (!options_.dataset.Selects("check_failures")) return;
      auto lists = failures.empty() ? EmptyTextLists(record_.rows)
                                    : record_.extra->column(failures[0].index);
      Add(arrow::field("check_failures", lists->type()), lists);
      return;
    }
    if (anomalies.empty() && options_.dataset.Selects("anomaly", "count")) {
      AddColumn("anomaly", "count", true,
                NumberColumn(arrow::int8(), std::vector<std::int8_t>(row_count())), nested);
    }
    AddGroup("anomaly", nested);
  }

  void AddMetadata() {
    const RecordContext& context = *record_.context;
    Group nested;
    const auto add = [&](const std::string& name, auto make) {
      if (!options_.dataset.Selects(kMetadata, name)) return;
      AddColumn(kMetadata, name, true, make(), nested);
    };
    std::int64_t rows = record_.rows;
    const std::vector<ExtraColumn> own = ExtraOf(record_, "metadata.last_model");
    add("last_model", [&] {
      return own.empty() ? RepeatedText(context.last_model, rows)
                         : record_.extra->column(own[0].index);
    });
    add("pipeline_version", [&] { return RepeatedText(context.pipeline_version, rows); });
    add("elapsed", [&] { return RepeatElapsed(record_.elapsed_ns, rows); });
    add("dropped", [&] { return EmptyTextLists(rows); });
    add("partition", [&] { return RepeatedText(context.partition, rows); });
    AddGroup(kMetadata, nested);
  }

  const InferenceRecord& record_;
  const AnswerOptions& options_;
  arrow::FieldVector fields_;
  arrow::ArrayVector arrays_;
};

}  // namespace

std::vector<std::string> WriteJsonAnswer(const InferenceRecord& record,
                                         std::span<const std::string_view> cells,
                                         const AnswerOptions& options, int threads) {
  const JsonRowWriter writer(record, cells, options);
  const auto rows = static_cast<std::size_t>(record.rows);
  std::vector<std::string> out;
  if (threads < 2 || rows < 2 || writer.FirstRowSize() * rows < kSplitBytes) {
    out.push_back(writer.Write(0, record.rows));
    return out;
  }
  const std::int64_t middle = record.rows / 2;
  auto second = std::async(std::launch::async, [&] { return writer.Write(middle, record.rows); });
  out.push_back(writer.Write(0, middle));
  out.push_back(second.get());
  return out;
}

std::shared_ptr<arrow::RecordBatch> MakeAnswerTable(const InferenceRecord& record,
                                                    const AnswerOptions& options) {
  return TableBuilder(record, options).Build();
}

}  // namespace joey
