// Tiny SavedModels for tests, written field by field; numbers are those of TensorFlow's protos.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace joey {

// A protocol buffer message being written.
class Message {
 public:
  Message& Number(int field, std::int64_t value) {
    Varint(static_cast<std::uint64_t>(field) << 3);
    Varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& Bytes(int field, std::string_view value) {
    Varint(static_cast<std::uint64_t>(field) << 3 | 2);
    Varint(value.size());
    text_ += value;
    return *this;
  }
  Message& Sub(int field, const Message& message) { return Bytes(field, message.text_); }
  Message& Entry(int field, std::string_view key, const Message& value) {
    return Sub(field, Message().Bytes(1, key).Sub(2, value));
  }
  const std::string& text() const { return text_; }

 private:
  void Varint(std::uint64_t value) {
    for (; value >= 128; value >>= 7) text_.push_back(static_cast<char>(value | 128));
    text_.push_back(static_cast<char>(value));
  }
  std::string text_;
};

inline Message ShapeOf(const std::vector<std::int64_t>& shape) {
  Message out;
  for (const std::int64_t size : shape) out.Sub(2, Message().Number(1, size));
  return out;
}

inline Message Node(std::string_view name, std::string_view op,
                    const std::vector<std::string>& inputs, int type,
                    std::string_view type_attribute = "T") {
  Message out;
  out.Bytes(1, name).Bytes(2, op);
  for (const std::string& input : inputs) out.Bytes(3, input);
  return out.Entry(5, type_attribute, Message().Number(6, type));
}

struct Port {
  std::string name;
  int type = 1;  // DT_FLOAT
  std::vector<std::int64_t> shape = {-1, 3};
};

inline Message TensorInfo(std::string_view tensor, const Port& port) {
  return Message().Bytes(1, tensor).Number(2, port.type).Sub(3, ShapeOf(port.shape));
}

// A graph and one signature, put together as wanted.
struct ModelText {
  Message graph;
  Message signature;
  std::string signature_name = "serving_default";
  std::string tag = "serve";
  bool saver = false;

  void Input(const Port& port) {
    graph.Sub(1, Node("in_" + port.name, "Placeholder", {}, port.type, "dtype"));
    signature.Entry(1, port.name, TensorInfo("in_" + port.name + ":0", port));
  }
  void Output(const Port& port, std::string_view op, const std::vector<std::string>& inputs) {
    graph.Sub(1, Node("out_" + port.name, op, inputs, port.type));
    signature.Entry(2, port.name, TensorInfo("out_" + port.name + ":0", port));
  }

  std::string Text() const {
    Message meta;
    meta.Sub(1, Message().Bytes(4, tag));
    meta.Sub(2, Message(graph).Sub(4, Message().Number(1, 1087)));
    if (saver) meta.Sub(3, Message().Bytes(1, "save:0").Bytes(3, "restore"));
    meta.Entry(5, signature_name, signature);
    return Message().Number(1, 1).Sub(2, meta).text();
  }
};

// Every input comes out again as "<name>_out".
inline ModelText IdentityModel(const std::vector<Port>& ports) {
  ModelText out;
  for (const Port& port : ports) out.Input(port);
  for (Port port : ports) {
    const std::string input = "in_" + port.name;
    port.name += "_out";
    out.Output(port, "Identity", {input});
  }
  return out;
}

inline void WriteZip(const std::string& path,
                     const std::vector<std::pair<std::string, std::string>>& files) {
  archive* out = archive_write_new();
  archive_write_set_format_zip(out);
  archive_write_open_filename(out, path.c_str());
  for (const auto& [name, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_mode(entry, (name.ends_with('/') ? AE_IFDIR : AE_IFREG) | 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_write_header(out, entry);
    archive_write_data(out, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_free(out);
}

}  // namespace joey
