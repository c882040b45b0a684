#!/usr/bin/env bash
# Brings the npm packages of package-lock.json to a folder, for the tests beside it. Installed are the very versions
# and checksums that are recorded there; scripts of packages do not run.
#
# usage: packages.sh FOLDER
#
# Exits with 77, which CTest shows as skipped, where there is no npm or the packages cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1

skip() {
  echo "skipped: $*"
  exit 77
}

mkdir -p "$folder"
if [ -d "$folder/node_modules/esptool-js" ] && cmp -s "$here/package-lock.json" "$folder/package-lock.json"; then
  echo "packages are there already: $folder"
  exit 0
fi
command -v node >/dev/null || skip "no node (package nodejs)"
command -v npm >/dev/null || skip "no npm (package npm)"
rm -rf "$folder/node_modules"
cp "$here/package.json" "$folder/package.json"
# The lock comes last: with it the packages are complete.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000) ||
  skip "npm cannot fetch the packages of tests/flashing/package-lock.json"
mv "$work/node_modules" "$folder/node_modules"
cp "$here/package-lock.json" "$folder/package-lock.json"
