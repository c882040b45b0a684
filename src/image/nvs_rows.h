// What is to be in an NVS partition, as people write it: a row for each key, the value a text. The form of
// ESP-IDF's nvs_partition_gen (docs/en/api-reference/storage/nvs_partition_gen.rst), whose CSV files are
// read.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "image/nvs_partition.h"

namespace espalier::image {

struct NvsRow {
  std::string space;
  std::string key{};       // empty: the namespace alone
  std::string encoding{};  // u8 to u64, i8 to i64, string, binary, hex2bin, base64
  std::string value{};     // or the name of the file that holds it
  bool file = false;
  unsigned line = 0;  // of the CSV file; 0: of none
};

// The entry that a row describes. `content`: its value, or its file's content. Numbers are decimal, or
// hexadecimal with 0x. An error is one line that names namespace and key.
std::expected<NvsEntry, std::string> nvs_entry(const NvsRow& row, std::string_view content);

// A CSV file: the header key,type,encoding,value, then rows of the types namespace, data and file. Lines that
// begin with '#' are comments. Fields may stand in double quotes. An error is one line that begins with
// the line's number: "3: ...".
std::expected<std::vector<NvsRow>, std::string> parse_nvs_csv(std::string_view text);

}  // namespace espalier::image
