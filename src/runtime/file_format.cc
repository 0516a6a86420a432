#include "runtime/file_format.h"

namespace joey {

std::string_view NameOfFileFormat(std::string_view file) {
  struct Magic {
    std::string_view bytes;
    std::string_view name;
  };
  static constexpr Magic kMagics[] = {
      {"PK\x03\x04", "a zip archive (a PyTorch, Keras or SavedModel file?)"},
      {"\x89HDF", "an HDF5 file (a Keras model?)"},
      {"\x80\x02", "a Python pickle"},
      {"\x80\x03", "a Python pickle"},
      {"\x80\x04", "a Python pickle"},
      {"\x80\x05", "a Python pickle"},
      {"GGUF", "a GGUF file"},
      {"ARROW1", "an Arrow file"},
      {"PAR1", "a Parquet file"},
      {"\x7f"
       "ELF",
       "a program"},
      {"version https://git-lfs", "a Git LFS pointer (run 'git lfs pull' first)"},
      {"<", "a text document"},
      {"{", "a text document"},
      {"[", "a text document"},
  };
  for (const Magic& magic : kMagics) {
    if (file.starts_with(magic.bytes)) return magic.name;
  }
  return "";
}

}  // namespace joey
