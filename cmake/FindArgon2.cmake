# Argon2::argon2: password hashes (Debian: libargon2-dev).
find_path(ARGON2_INCLUDE_DIR argon2.h)
find_library(ARGON2_LIBRARY argon2)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Argon2 DEFAULT_MSG ARGON2_LIBRARY ARGON2_INCLUDE_DIR)
if(Argon2_FOUND AND NOT TARGET Argon2::argon2)
  add_library(Argon2::argon2 UNKNOWN IMPORTED)
  set_target_properties(Argon2::argon2 PROPERTIES
    IMPORTED_LOCATION ${ARGON2_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${ARGON2_INCLUDE_DIR})
endif()
