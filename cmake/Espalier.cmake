# Compiler settings and the one function that every layer's CMakeLists.txt calls.

include(CheckLinkerFlag)
find_package(PkgConfig REQUIRED)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(espalier_options INTERFACE)
target_compile_options(espalier_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fno-strict-aliasing)
target_include_directories(espalier_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
# Relocations in a fortieth of the room: a machine's resident memory is 0.7 MiB less.
check_linker_flag(CXX -Wl,-z,pack-relative-relocs ESPALIER_HAS_PACKED_RELOCATIONS)
if(ESPALIER_HAS_PACKED_RELOCATIONS)
  target_link_options(espalier_options INTERFACE -Wl,-z,pack-relative-relocs)
endif()
if(ESPALIER_SANITIZE)
  target_compile_options(espalier_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
                         -fno-sanitize-recover=undefined)
  target_link_options(espalier_options INTERFACE -fsanitize=address,undefined)
endif()

if(ESPALIER_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# Compiles a target's files five at a time: where their headers are most of the work that takes half as long. The build type
# Debug compiles each alone, so that a header that somebody forgot is missed there.
function(espalier_compile_together target)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
endfunction()

# espalier_layer(NAME [TOGETHER] [DEPS targets...])
# Makes the static library espalier_NAME from every *.cpp of the current folder and below, and, where there are
# *_test.cpp files, the test program NAME_tests from those and from what testing/ folders hold for them. A main.cpp
# is left to a program of the folder's own. TOGETHER: see above.
function(espalier_layer name)
  cmake_parse_arguments(ARG "TOGETHER" "" "DEPS;TEST_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$|/testing/[^/]+\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$|/testing/[^/]+\\.cpp$")
  if(sources)
    add_library(espalier_${name} STATIC ${sources})
    target_link_libraries(espalier_${name} PUBLIC espalier_options ${ARG_DEPS})
    if(ARG_TOGETHER)
      espalier_compile_together(espalier_${name})
    endif()
  else()
    add_library(espalier_${name} INTERFACE)
    target_link_libraries(espalier_${name} INTERFACE espalier_options ${ARG_DEPS})
  endif()
  if(ESPALIER_TESTS AND tests)
    add_executable(${name}_tests ${tests})
    # Compiling the tests is most of a build; they need no more than this.
    if(CMAKE_BUILD_TYPE STREQUAL "Release")
      target_compile_options(${name}_tests PRIVATE -O1)
    endif()
    target_precompile_headers(${name}_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    target_link_libraries(${name}_tests PRIVATE espalier_${name} ${ARG_TEST_DEPS} GTest::gtest GTest::gmock
                          GTest::gtest_main)
    gtest_discover_tests(${name}_tests DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name})
  endif()
endfunction()
