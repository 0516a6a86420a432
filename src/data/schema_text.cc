#include "data/schema_text.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/type.h>
#include <openssl/evp.h>

#include <string>

namespace joey {

Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view base64) {
  const auto wrong = [] {
    return InvalidArgument("a schema is not the base64 text of a serialized Arrow schema",
                           "send base64(pyarrow.schema([…]).serialize())");
  };
  std::string bytes(base64.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(base64.data()),
                                   static_cast<int>(base64.size()));
  if (size < 0) return wrong();
  bytes.resize(static_cast<std::size_t>(size));
  arrow::io::BufferReader reader(arrow::Buffer::FromString(std::move(bytes)));
  arrow::ipc::DictionaryMemo memo;
  auto schema = arrow::ipc::ReadSchema(&reader, &memo);
  if (!schema.ok()) return wrong();
  return std::move(*schema);
}

}  // namespace joey
