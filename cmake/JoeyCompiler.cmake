# Flags that hold for our own targets only; system and wheel headers are included as SYSTEM.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
# x86-64-v2 runs on every machine of the last twelve years; simdjson picks wider kernels at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v2)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(joey_options INTERFACE)
target_compile_options(joey_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                       -Wno-missing-field-initializers -Werror)
if(JOEY_FUZZ)
  # Coverage for libFuzzer in everything that a target reaches.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside inlined coroutine frames and Boost code where nothing is wrong.
  target_compile_options(joey_options INTERFACE -Wno-error=maybe-uninitialized -Wno-error=array-bounds
                                                -Wno-error=stringop-overflow)
else()
  target_compile_options(joey_options INTERFACE -Wno-error)
endif()
target_compile_definitions(joey_options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME)
if(JOEY_SANITIZE)
  add_compile_options(-fsanitize=${JOEY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${JOEY_SANITIZE})
  if(JOEY_SANITIZE MATCHES "thread")
    # Asio's handlers are synchronised by its queues; its extra fences are what TSan cannot follow.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    add_compile_options(-Wno-tsan)
  endif()
endif()
