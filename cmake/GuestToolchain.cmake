# Building guest programs (C and assembler for the ESP32) with Debian's packages gcc-xtensa-lx106 and
# binutils-source. Where they are missing, ESPALIER_GUEST_TOOLCHAIN is off, espalier_guest_program() does nothing,
# and what needs it adds a test that shows as skipped (espalier_guest_skipped()).
#
# ESPALIER_GUEST_TOOLCHAIN      whether guest programs can be built
# ESPALIER_GUEST_ENV            "cmake -E env XTENSA_GNU_CONFIG=...": to be put before xtensa-lx106-elf-* commands
# ESPALIER_GUEST_OBJDUMP ...    the programs' full paths (GCC, OBJCOPY, OBJDUMP, NM, READELF)
# ESPALIER_GUEST_DEPENDS        what a custom command that runs these programs has to depend on

set(ESPALIER_GUEST_TOOLCHAIN ON)
set(ESPALIER_GUEST_MISSING "")
foreach(tool gcc objcopy objdump nm readelf)
  string(TOUPPER ${tool} upper)
  find_program(ESPALIER_GUEST_${upper} xtensa-lx106-elf-${tool})
  if(NOT ESPALIER_GUEST_${upper})
    set(ESPALIER_GUEST_TOOLCHAIN OFF)
    set(ESPALIER_GUEST_MISSING "package gcc-xtensa-lx106 is not installed")
  endif()
endforeach()
find_program(ESPALIER_HOST_CC NAMES gcc cc clang)
file(GLOB ESPALIER_BINUTILS_TAR /usr/src/binutils/binutils-*.tar.xz)
if(NOT ESPALIER_BINUTILS_TAR)
  set(ESPALIER_GUEST_TOOLCHAIN OFF)
  set(ESPALIER_GUEST_MISSING "package binutils-source is not installed")
else()
  list(GET ESPALIER_BINUTILS_TAR 0 ESPALIER_BINUTILS_TAR)
endif()

set(ESPALIER_GUEST_DIR ${CMAKE_SOURCE_DIR}/guest/toolchain)
set(ESPALIER_GUEST_BUILD_DIR ${CMAKE_BINARY_DIR}/guest/toolchain)
if(ESPALIER_GUEST_TOOLCHAIN)
  set(config ${ESPALIER_GUEST_BUILD_DIR}/esp32.so)
  set(ESPALIER_GUEST_ENV ${CMAKE_COMMAND} -E env XTENSA_GNU_CONFIG=${config})
  add_custom_command(
    OUTPUT ${config}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${ESPALIER_GUEST_BUILD_DIR}
    COMMAND tar -xf ${ESPALIER_BINUTILS_TAR} -C ${ESPALIER_GUEST_BUILD_DIR} --strip-components=1 --wildcards
            "*/bfd/xtensa-modules.c" "*/include/*.h"
    COMMAND ${ESPALIER_HOST_CC} -shared -fPIC -O1 -w -I ${ESPALIER_GUEST_BUILD_DIR}/include
            ${ESPALIER_GUEST_DIR}/esp32-dynconfig.c ${ESPALIER_GUEST_BUILD_DIR}/bfd/xtensa-modules.c -o ${config}
    DEPENDS ${ESPALIER_GUEST_DIR}/esp32-dynconfig.c
    COMMENT "Building the ESP32 configuration of binutils"
    VERBATIM)
  add_custom_target(guest_toolchain DEPENDS ${config})
  set(ESPALIER_GUEST_DEPENDS ${config} guest_toolchain)
else()
  message(STATUS "Guest programs are not built: ${ESPALIER_GUEST_MISSING}")
endif()

# Every name of the mask ROM that a program uses and does not define itself is the ROM's.
if(ESPALIER_GUEST_TOOLCHAIN)
  set(symbols ${CMAKE_SOURCE_DIR}/src/rom/symbols.def)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${symbols})
  file(STRINGS ${symbols} lines REGEX "^ROM_(SYMBOL|DATA)\\(")
  list(TRANSFORM lines REPLACE "^ROM_[A-Z]+\\((0x[0-9a-f]+), ([A-Za-z0-9_]+)\\)" "PROVIDE(\\2 = \\1)_")
  list(JOIN lines "\n" text)
  string(REPLACE "_\n" ";\n" text "${text}\n")
  set(ESPALIER_GUEST_ROM_LD ${ESPALIER_GUEST_BUILD_DIR}/esp32.rom.ld)
  file(CONFIGURE OUTPUT ${ESPALIER_GUEST_ROM_LD} CONTENT "${text}" @ONLY)
endif()

# The same bytes whatever the folder, the machine and the day.
set(ESPALIER_GUEST_FLAGS
    -mabi=windowed -mlongcalls -mtext-section-literals -ffreestanding -nostdlib -fno-common -fno-ident
    -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=./build -g -Wall -Wextra -I ${ESPALIER_GUEST_DIR})

# espalier_guest_program(NAME SOURCES files... LINKER_SCRIPT file [OPTIONS flags...] [LINK_OPTIONS flags...])
#
# Compiles SOURCES (.c, .S; -O2 unless OPTIONS say otherwise; headers are tracked) and links them to
# ${CMAKE_BINARY_DIR}/guest/NAME/NAME.elf; NAME.bin beside it holds the raw bytes of its loadable sections. In the
# caller's scope GUEST_<NAME>_ELF and GUEST_<NAME>_BIN become those two paths; the target is guest_NAME (built by
# default).
# Names of the mask ROM (src/rom/symbols.def) that SOURCES use and do not define are the ROM's.
# guest/toolchain/arith.S (division and the like, which the compiler calls) is linked in as far as it is used.
function(espalier_guest_program name)
  cmake_parse_arguments(ARG "" "LINKER_SCRIPT" "SOURCES;OPTIONS;LINK_OPTIONS" ${ARGN})
  if(NOT ESPALIER_GUEST_TOOLCHAIN)
    return()
  endif()
  set(folder ${CMAKE_BINARY_DIR}/guest/${name})
  file(MAKE_DIRECTORY ${folder})
  get_filename_component(script ${ARG_LINKER_SCRIPT} ABSOLUTE)
  set(objects "")
  foreach(source ${ARG_SOURCES} ${ESPALIER_GUEST_DIR}/arith.S)
    get_filename_component(path ${source} ABSOLUTE)
    get_filename_component(stem ${source} NAME)
    set(object ${folder}/${stem}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${ESPALIER_GUEST_ENV} ${ESPALIER_GUEST_GCC} ${ESPALIER_GUEST_FLAGS} -O2 ${ARG_OPTIONS} -MD -MF
              ${object}.d -MT ${object} -c ${path} -o ${object}
      DEPENDS ${path} ${ESPALIER_GUEST_DEPENDS}
      DEPFILE ${object}.d
      COMMENT "Guest ${name}: ${stem}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(elf ${folder}/${name}.elf)
  set(bin ${folder}/${name}.bin)
  add_custom_command(
    OUTPUT ${elf} ${bin}
    COMMAND ${ESPALIER_GUEST_ENV} ${ESPALIER_GUEST_GCC} -nostdlib -mabi=windowed -Wl,--gc-sections
            -Wl,--build-id=none -Wl,-Map=${elf}.map -T ${script}
            -T ${ESPALIER_GUEST_ROM_LD} ${objects} ${ARG_LINK_OPTIONS} -o ${elf}
    COMMAND ${ESPALIER_GUEST_ENV} ${ESPALIER_GUEST_OBJCOPY} -O binary ${elf} ${bin}
    DEPENDS ${objects} ${script} ${ESPALIER_GUEST_ROM_LD} ${ESPALIER_GUEST_DEPENDS}
    COMMENT "Guest ${name}: linking"
    VERBATIM)
  add_custom_target(guest_${name} ALL DEPENDS ${elf} ${bin})
  set(GUEST_${name}_ELF ${elf} PARENT_SCOPE)
  set(GUEST_${name}_BIN ${bin} PARENT_SCOPE)
endfunction()

# espalier_guest_skipped(TEST): adds TEST as one that is skipped, and says why, because the toolchain is missing.
function(espalier_guest_skipped test)
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND} -E echo "SKIPPED: ${ESPALIER_GUEST_MISSING}")
  set_tests_properties(${test} PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED:")
endfunction()
