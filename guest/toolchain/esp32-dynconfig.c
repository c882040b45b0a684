/* The ESP32's core configuration for GNU binutils, as the plug-in that the environment variable XTENSA_GNU_CONFIG
   names: with it Debian's xtensa-lx106 assembler, linker and disassembler work on code for the ESP32's LX6.

   binutils asks the plug-in for two things: the configuration values below, and the instruction table. The table
   is binutils' own default one (bfd/xtensa-modules.c of the package binutils-source, compiled beside this file):
   it has the windowed, loop, MAC16, MUL32, DIV32, S32C1I, boolean and single-precision FP instructions, but not
   the FP division helpers (DIV0.S, RECIP0.S, ... ), RER/WER and the special registers ATOMCTL and MEMCTL.
   guest/toolchain/lx6.h spells those as bytes.

   Values: ESP-IDF, components/xtensa/esp32/include/xtensa/config/core-isa.h and core-matmap.h. */
#define XTENSA_CONFIG_DEFINITION

#define XCHAL_HAVE_BE 0
#define XCHAL_HAVE_DENSITY 1
#define XCHAL_HAVE_CONST16 0
#define XCHAL_HAVE_ABS 1
#define XCHAL_HAVE_ADDX 1
#define XCHAL_HAVE_L32R 1
#define XSHAL_USE_ABSOLUTE_LITERALS 0
#define XSHAL_HAVE_TEXT_SECTION_LITERALS 1
#define XCHAL_HAVE_MAC16 1
#define XCHAL_HAVE_MUL16 1
#define XCHAL_HAVE_MUL32 1
#define XCHAL_HAVE_MUL32_HIGH 1
#define XCHAL_HAVE_DIV32 1
#define XCHAL_HAVE_NSA 1
#define XCHAL_HAVE_MINMAX 1
#define XCHAL_HAVE_SEXT 1
#define XCHAL_HAVE_LOOPS 1
#define XCHAL_HAVE_THREADPTR 1
#define XCHAL_HAVE_RELEASE_SYNC 1
#define XCHAL_HAVE_S32C1I 1
#define XCHAL_HAVE_BOOLEANS 1
#define XCHAL_HAVE_FP 1
#define XCHAL_HAVE_FP_DIV 1
#define XCHAL_HAVE_FP_RECIP 1
#define XCHAL_HAVE_FP_SQRT 1
#define XCHAL_HAVE_FP_RSQRT 1
#define XCHAL_HAVE_WINDOWED 1
#define XCHAL_NUM_AREGS 64
#define XCHAL_HAVE_WIDE_BRANCHES 0
#define XCHAL_HAVE_PREDICTED_BRANCHES 0
#define XCHAL_ICACHE_SIZE 0
#define XCHAL_DCACHE_SIZE 0
#define XCHAL_ICACHE_LINESIZE 4
#define XCHAL_DCACHE_LINESIZE 4
#define XCHAL_ICACHE_LINEWIDTH 2
#define XCHAL_DCACHE_LINEWIDTH 2
#define XCHAL_DCACHE_IS_WRITEBACK 0
#define XCHAL_HAVE_MMU 0
#define XCHAL_HAVE_DEBUG 1
#define XCHAL_NUM_IBREAK 2
#define XCHAL_NUM_DBREAK 2
#define XCHAL_DEBUGLEVEL 6
#define XCHAL_MAX_INSTRUCTION_SIZE 3
#define XCHAL_INST_FETCH_WIDTH 4
#define XTHAL_ABI_WINDOWED 0
#define XTHAL_ABI_CALL0 1
#define XSHAL_ABI XTHAL_ABI_WINDOWED

#include "xtensa-dynconfig.h"

XTENSA_CONFIG_INSTANCE_LIST;
