# Arrow C++ out of the pinned pyarrow wheel in .venv (docs/adr/0002): the wheel ships headers and
# versioned libraries but no CMake package. Defines PyArrow::arrow and PyArrow::flight.
set(JOEY_PYTHON ${CMAKE_SOURCE_DIR}/.venv/bin/python CACHE FILEPATH "Python of the environment that holds pyarrow")
execute_process(
  COMMAND ${JOEY_PYTHON} -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('pyarrow').origin))"
  OUTPUT_VARIABLE PYARROW_DIR OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _status)
if(NOT _status EQUAL 0)
  message(FATAL_ERROR "pyarrow is not in ${JOEY_PYTHON}: run 'make setup' first")
endif()
file(STRINGS ${PYARROW_DIR}/include/arrow/util/config.h _line REGEX "define ARROW_SO_VERSION")
string(REGEX REPLACE ".*\"([0-9]+)\".*" "\\1" PYARROW_SO "${_line}")
add_library(PyArrow::arrow SHARED IMPORTED)
set_target_properties(PyArrow::arrow PROPERTIES
  IMPORTED_LOCATION ${PYARROW_DIR}/libarrow.so.${PYARROW_SO}
  IMPORTED_SONAME libarrow.so.${PYARROW_SO}
  INTERFACE_INCLUDE_DIRECTORIES ${PYARROW_DIR}/include)
add_library(PyArrow::flight SHARED IMPORTED)
set_target_properties(PyArrow::flight PROPERTIES
  IMPORTED_LOCATION ${PYARROW_DIR}/libarrow_flight.so.${PYARROW_SO}
  IMPORTED_SONAME libarrow_flight.so.${PYARROW_SO}
  INTERFACE_LINK_LIBRARIES PyArrow::arrow)
set(PyArrow_FOUND TRUE)
