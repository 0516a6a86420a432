// A request body: bytes in 64-byte aligned memory with room behind them, shared without copying.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace joey::http {

// The alignment lets Arrow buffers inside a body be used in place; the padding lets simdjson read
// past the end. Copies share the bytes; only the server writes into them, before handlers see them.
class Body {
 public:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kPadding = 64;

  Body() = default;
  Body(std::string_view bytes) { Assign(bytes); }           // NOLINT(google-explicit-constructor)
  Body(const char* text) : Body(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)

  // An empty body over `memory`: `capacity` bytes and kPadding more, aligned to kAlignment.
  static Body Over(std::shared_ptr<char> memory, std::size_t capacity) {
    Body body;
    body.bytes_ = std::move(memory);
    body.capacity_ = capacity;
    return body;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const char* data() const { return bytes_.get(); }
  const char* begin() const { return data(); }
  const char* end() const { return data() + size_; }
  std::string_view view() const { return {data(), size_}; }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  const std::shared_ptr<char>& owner() const { return bytes_; }

  void Assign(std::string_view bytes) {
    size_ = 0;
    Append(bytes);
  }
  void Append(std::string_view bytes) {
    if (bytes.empty()) return;
    Reserve(size_ + bytes.size());
    std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  // Makes room for `capacity` bytes in all; contents stay.
  void Reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    auto* raw =
        static_cast<char*>(::operator new (capacity + kPadding, std::align_val_t{kAlignment}));
    std::shared_ptr<char> grown(
        raw, [](char* p) { ::operator delete (p, std::align_val_t{kAlignment}); });
    if (size_ > 0) std::memcpy(raw, bytes_.get(), size_);
    bytes_ = std::move(grown);
    capacity_ = capacity;
  }
  std::size_t capacity() const { return capacity_; }
  // Free room after the contents, to be filled and then counted by Commit().
  char* tail() { return bytes_.get() + size_; }
  void Commit(std::size_t count) { size_ += count; }

 private:
  std::shared_ptr<char> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace joey::http
