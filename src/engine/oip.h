// The Open Inference Protocol without an encoding: what REST and gRPC have in common. A "model" of
// the protocol is a pipeline here, its version the pipeline version's UUID (docs/oip.md).
// No Arrow in this header: the gRPC plug-in includes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey::engine {

// A tensor on the wire: shape[0] is the number of rows. Elements are row-major and little-endian;
// BOOL is one byte, 0 or 1; each element of BYTES has its length before it, in four bytes.
struct OipTensor {
  std::string name;
  std::string datatype;  // "FP32", "BYTES" …
  std::vector<std::int64_t> shape;
  std::shared_ptr<const void> owner;  // keeps `bytes` alive
  std::string_view bytes;
};

struct OipRequest {
  std::string model_name;
  std::string model_version;  // empty: the one that there is
  std::string id;
  std::vector<OipTensor> inputs;
  std::vector<std::string> outputs;  // names in the order wanted; empty: all
};

struct OipTensorInfo {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;  // -1: any size; the first is the number of rows
};

struct OipModelInfo {
  std::string name;
  std::string version;
  std::vector<OipTensorInfo> inputs;
  std::vector<OipTensorInfo> outputs;
};

inline constexpr char kOipServerName[] = "joey";
inline constexpr char kOipPlatform[] = "joey_pipeline";

// What a transport asks. Thread-safe.
class OipService {
 public:
  virtual ~OipService() = default;
  // Whether new requests are taken: not while the engine drains.
  virtual bool Ready() const = 0;
  // kNotFound: another model or version; the message says which there is.
  virtual Result<const OipModelInfo*> Find(std::string_view name,
                                           std::string_view version) const = 0;
  // Runs, logs and counts an inference on the calling thread.
  virtual Result<std::vector<OipTensor>> Infer(OipRequest request) = 0;
};

}  // namespace joey::engine
