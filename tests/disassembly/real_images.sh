#!/bin/sh
# real_images.sh COMPARE_LISTING FOLDER: holds the disassembler against objdump on each ELF file below FOLDER (real
# firmware; see listing.sh for the environment). Exits 77, "skipped", where there is none.
set -u
compare=$1
folder=$2
elfs=$(find -L "$folder" -name '*.elf' 2>/dev/null | sort)
if [ -z "$elfs" ]; then
  echo "skipped: no ELF file in $folder"
  exit 77
fi
IFS='
'
status=0
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT
for elf in $elfs; do
  echo "$elf:"
  "$(dirname "$0")/listing.sh" "$elf" > "$listing" && "$compare" "$listing" || status=1
done
exit $status
