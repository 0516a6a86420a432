# libjoey_grpc.so of src/grpc: the one thing that links gRPC. An engine opens it when its deployment
# asks for gRPC (src/engine/oip_grpc.h); nothing of Joey but base/status.cc is in it.
set(generated ${CMAKE_BINARY_DIR}/grpc)
set(proto ${CMAKE_SOURCE_DIR}/src/grpc/open_inference.proto)
file(MAKE_DIRECTORY ${generated})
set(sources)
foreach(suffix pb.cc pb.h grpc.pb.cc grpc.pb.h)
  list(APPEND sources ${generated}/open_inference.${suffix})
endforeach()
add_custom_command(
  OUTPUT ${sources}
  COMMAND protobuf::protoc -I ${CMAKE_SOURCE_DIR}/src/grpc --cpp_out=${generated}
          --grpc_out=${generated} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> ${proto}
  DEPENDS ${proto}
  VERBATIM)
add_library(joey_grpc_messages OBJECT ${sources})
set_target_properties(joey_grpc_messages PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
target_include_directories(joey_grpc_messages SYSTEM PUBLIC ${generated})
target_link_libraries(joey_grpc_messages PUBLIC gRPC::grpc++)
