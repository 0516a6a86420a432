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

# After joey_layer(grpc): the plug-in consists of the layer's objects.
function(joey_grpc_plugin)
  set_target_properties(joey_grpc PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
  target_compile_definitions(joey_grpc PRIVATE "JOEY_VERSION=\"${PROJECT_VERSION}\"")
  add_library(joey_grpc_plugin MODULE $<TARGET_OBJECTS:joey_grpc> ${CMAKE_SOURCE_DIR}/src/base/status.cc)
  target_include_directories(joey_grpc_plugin PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(joey_grpc_plugin PRIVATE joey_grpc_messages joey_options)
  set_target_properties(joey_grpc_plugin PROPERTIES OUTPUT_NAME joey_grpc CXX_VISIBILITY_PRESET hidden
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()
