# espalier_compare_engines(NAME OPTION...): the test NAME_with_both_engines, in which `espalier run OPTION...` has to give
# the same console and the same instruction counts translated and interpreted. What OPTIONs name has to end by --until.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(espalier_compare_engines name)
  add_test(NAME ${name}_with_both_engines
           COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/engines/compare_engines.py $<TARGET_FILE:espalier>
                   ${ARGN})
  set_tests_properties(${name}_with_both_engines PROPERTIES LABELS "guest;engines" SKIP_RETURN_CODE 77 TIMEOUT 400)
endfunction()
