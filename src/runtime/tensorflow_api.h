// The functions of TensorFlow's C API that are used, as a table filled by dlsym.
//
// Declared here, so that building needs neither TensorFlow nor its headers. The C API is stable:
// signatures and values below are those of tensorflow/c/{c_api,tf_tensor,tf_tstring,tf_buffer,
// tf_datatype}.h and tsl/c/tsl_status.h, unchanged since 2.4. Ownership: what a New… or Load…
// function gives is deleted with the matching Delete… function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace joey::tf {

struct Status;
struct Graph;
struct Operation;
struct Session;
struct SessionOptions;
struct Tensor;

// TF_Code, as far as it matters.
inline constexpr int kOk = 0;
inline constexpr int kResourceExhausted = 8;

// TF_DataType.
using DataType = int;
inline constexpr DataType kStringType = 7;

struct Output {  // TF_Output: one output of an operation
  Operation* operation;
  int index;
};

struct Buffer {  // TF_Buffer: a serialised protocol buffer
  const void* data;
  std::size_t length;
  void (*deallocator)(void* data, std::size_t length);
};

struct alignas(8) String {  // TF_TString: opaque, made and ended with the functions below
  unsigned char bytes[24];
};

using Deallocator = void (*)(void* data, std::size_t length, void* argument);

struct Api {
  const char* (*Version)();
  std::size_t (*DataTypeSize)(DataType);

  Status* (*NewStatus)();
  void (*DeleteStatus)(Status*);
  int (*GetCode)(const Status*);
  const char* (*Message)(const Status*);

  SessionOptions* (*NewSessionOptions)();
  void (*DeleteSessionOptions)(SessionOptions*);
  // `proto` is a ConfigProto.
  void (*SetConfig)(SessionOptions*, const void* proto, std::size_t length, Status*);

  Graph* (*NewGraph)();
  void (*DeleteGraph)(Graph*);
  Operation* (*GraphOperationByName)(Graph*, const char* name);  // null: there is none
  int (*OperationNumOutputs)(Operation*);
  DataType (*OperationOutputType)(Output);

  // The graph is filled; null on failure.
  Session* (*LoadSessionFromSavedModel)(const SessionOptions*, const Buffer* run_options,
                                        const char* directory, const char* const* tags,
                                        int tag_count, Graph*, Buffer* meta_graph, Status*);
  void (*CloseSession)(Session*, Status*);
  void (*DeleteSession)(Session*, Status*);
  // `run_options` is a RunOptions. Thread-safe.
  void (*SessionRun)(Session*, const Buffer* run_options, const Output* inputs,
                     Tensor* const* input_values, int input_count, const Output* outputs,
                     Tensor** output_values, int output_count, Operation* const* targets,
                     int target_count, Buffer* run_metadata, Status*);

  // Takes the memory over: `deallocator` is called when nothing refers to it any more, which may be
  // at once (then it was copied, because its address did not suit) or long after the run.
  Tensor* (*NewTensor)(DataType, const std::int64_t* dimensions, int dimension_count, void* data,
                       std::size_t length, Deallocator deallocator, void* argument);
  void (*DeleteTensor)(Tensor*);
  DataType (*TensorType)(const Tensor*);
  int (*NumDims)(const Tensor*);
  std::int64_t (*Dim)(const Tensor*, int index);
  void* (*TensorData)(const Tensor*);

  void (*StringInit)(String*);
  void (*StringCopy)(String*, const char* bytes, std::size_t size);
  const char* (*StringGetDataPointer)(const String*);
  std::size_t (*StringGetSize)(const String*);
  void (*StringDealloc)(String*);
};

// Opens libtensorflow_cc.so.2 in `directory`. The library stays open until the process ends.
Result<const Api*> Open(const std::string& directory);

}  // namespace joey::tf
