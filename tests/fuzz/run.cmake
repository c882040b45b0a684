# Runs one fuzz target from a fresh copy of its seeds.
set(corpus ${TARGET}.corpus)
file(REMOVE_RECURSE ${corpus})
file(MAKE_DIRECTORY ${corpus})
set(folders ${corpus})
if(EXISTS ${SEEDS})
  list(APPEND folders ${SEEDS})
endif()
execute_process(COMMAND ${TARGET} -seed=1 -max_total_time=${SECONDS} -timeout=20 -rss_limit_mb=2048
                        -artifact_prefix=${TARGET}. -print_final_stats=1 ${folders}
                RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the fuzz target failed (${result}); if it found something, the input is beside ${TARGET}")
endif()
