#!/bin/sh
# listing.sh ELF: the program's instructions as GNU objdump disassembles them, one a line:
#
#   ADDRESS <tab> WORD <tab> MNEMONIC [<tab> OPERANDS]
#
# WORD is the instruction's bytes, the first one lowest, as two hexadecimal digits each. Names of addresses and
# contents of literals are left out, and addresses begin with 0x. What objdump takes for data or for
# bundles of other cores is left out too.
#
# A section .text.lx6 holds instructions that objdump does not know, three bytes each; their texts are in a section
# .spelling in the same order, one a line (guest/isa/expand.awk makes both).
#
# OBJDUMP and OBJCOPY name the programs, XTENSA_GNU_CONFIG the ESP32's configuration (guest/toolchain).
set -eu
elf=$1
objdump=${OBJDUMP:-xtensa-lx106-elf-objdump}
objcopy=${OBJCOPY:-xtensa-lx106-elf-objcopy}

lx6=$("$objdump" -h "$elf" | awk '$2 == ".text.lx6" { print $4 }')

"$objdump" -d -z "$elf" | awk -F'\t' '
  /^Disassembly of section / { skip = / \.text\.lx6:/ }
  skip || !/^ *[0-9a-f]+:\t/ || $3 == "" || $3 ~ /^(\.byte|\{)/ { next }
  {
    sub(/^ */, "", $1)
    sub(/:$/, "", $1)
    gsub(/ /, "", $2)
    operands = $4
    sub(/ *\(.*\)$/, "", operands)
    if (sub(/ *<.*>$/, "", operands)) {
      start = match(operands, /[0-9a-f]+$/)
      operands = substr(operands, 1, start - 1) "0x" substr(operands, start)
    }
    print $1 "\t" $2 "\t" $3 (operands == "" ? "" : "\t" operands)
  }'

if [ -n "$lx6" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  "$objcopy" -O binary -j .text.lx6 "$elf" "$folder/code"
  "$objcopy" -O binary -j .spelling "$elf" "$folder/spelling"
  od -An -v -tx1 -w3 "$folder/code" | awk '{ print $3 $2 $1 }' | paste - "$folder/spelling" |
    awk -v start="$lx6" 'BEGIN { FS = OFS = "\t" }
      function number(hex,   i, n) {
        for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
        return n
      }
      { printf "%08x\t%s\n", number(start) + (NR - 1) * 3, $0 }'
fi
