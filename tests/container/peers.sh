#!/usr/bin/env bash
# Brings Debian's Mosquitto and Prometheus to a folder, for the sets of containers that have them. Nothing is installed.
#
# usage: peers.sh FOLDER
#
# Exits with 77, which CTest shows as skipped, where they cannot be had: the sets are tested without them then.
set -euo pipefail
folder=$1
packages=(mosquitto libcjson1 libdlt2 libwebsockets17 libwrap0 libev4 libuv1 libmosquitto1 prometheus)

skip() {
  echo "skipped: $*"
  exit 77
}

[ ! -e "$folder/complete" ] || {
  echo "they are there already: $folder"
  exit 0
}
command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip "no Debian here"
rm -rf "$folder"
mkdir -p "$folder/packages"
(cd "$folder/packages" && apt-get -q -o APT::Sandbox::User=root download "${packages[@]}") ||
  skip "apt-get cannot download ${packages[*]}"
for package in "$folder"/packages/*.deb; do
  dpkg-deb -x "$package" "$folder"
done
rm -r "$folder/packages"
touch "$folder/complete"
