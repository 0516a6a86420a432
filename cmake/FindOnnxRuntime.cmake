# ONNX Runtime (docs/adr/0002): official C++ headers fetched by scripts/setup, the library out of the
# onnxruntime wheel in .venv, opened at run time so that only engines pay for it.
# Defines OnnxRuntime::headers and ONNXRUNTIME_LIBRARY.
set(JOEY_ORT_INCLUDE ${CMAKE_SOURCE_DIR}/.cache/onnxruntime/usr/include CACHE PATH "ONNX Runtime headers")
find_path(_ort_header onnxruntime_cxx_api.h
          PATHS ${JOEY_ORT_INCLUDE} ${JOEY_ORT_INCLUDE}/onnxruntime /usr/include/onnxruntime NO_DEFAULT_PATH NO_CACHE)
file(GLOB ONNXRUNTIME_LIBRARY ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.1.*)
if(NOT _ort_header OR NOT ONNXRUNTIME_LIBRARY)
  message(FATAL_ERROR "ONNX Runtime headers or library are missing: run 'make setup' first")
endif()
add_library(OnnxRuntime::headers INTERFACE IMPORTED)
target_include_directories(OnnxRuntime::headers SYSTEM INTERFACE ${_ort_header})
set(OnnxRuntime_FOUND TRUE)
