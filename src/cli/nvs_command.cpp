#include "cli/nvs_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_code.h"
#include "image/digest.h"
#include "image/file.h"
#include "image/flash_image.h"
#include "image/flash_settings.h"
#include "image/nvs_partition.h"
#include "image/nvs_rows.h"
#include "image/partition_table.h"
#include "image/text.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using image::Bytes;
using image::NvsContents;
using image::NvsEntry;
using image::NvsType;
using Json = nlohmann::ordered_json;
using Wrong = std::unexpected<std::string>;

struct ReadOptions {
  std::string path;
  std::string partition;
  bool json = false;
};

struct MakeOptions {
  std::string csv;
  std::string output;
  std::string size;
};

struct Found {
  std::string what;  // for messages: the file, and the partition if it is a flash's
  Bytes bytes;
};

// A flash has a partition table; what has none is the partition itself.
std::expected<Found, std::string> find_partition(const ReadOptions& options) {
  std::error_code error;
  const bool folder = fs::is_directory(options.path, error);
  Bytes bytes;
  if (!folder) {
    auto file = image::read_file(options.path, image::kLargestFlash);
    if (!file) return Wrong(file.error());
    bytes = std::move(*file);
  }
  const bool begins_with_bootloader = !bytes.empty() && bytes.front() == 0xe9;
  if (!folder && !begins_with_bootloader && !image::find_partition_table(bytes)) {
    if (!options.partition.empty())
      return Wrong(fmt::format("{}: there is no partition table in it to find {} by", options.path,
                               options.partition));
    return Found{options.path, std::move(bytes)};
  }
  const auto flash = image::load_flash_image(options.path);
  if (!flash) return Wrong(flash.error());
  const auto offset = image::find_partition_table(flash->bytes);
  if (!offset) return Wrong(fmt::format("{}: it has no partition table", options.path));
  const auto table =
      image::parse_partition_table(image::ByteView(flash->bytes).subspan(*offset), flash->bytes.size());
  if (!table) return Wrong(fmt::format("{}: {}", options.path, table.error()));
  const image::Partition* found = table->find(options.partition.empty() ? "nvs" : options.partition);
  if (found == nullptr && options.partition.empty()) {
    const auto at = std::ranges::find_if(table->partitions, [](const image::Partition& partition) {
      return partition.type_name() == "data" && partition.subtype_name() == "nvs";
    });
    if (at != table->partitions.end()) found = &*at;
  }
  if (found == nullptr)
    return Wrong(fmt::format("{}: there is no partition {} in its table", options.path,
                             options.partition.empty() ? "nvs" : options.partition));
  const auto begin = flash->bytes.begin() + found->offset;
  return Found{fmt::format("{}: {}", options.path, found->label), Bytes(begin, begin + found->size)};
}

Json value_of(const NvsEntry& entry) {
  switch (entry.type) {
    case NvsType::kU8:
    case NvsType::kU16:
    case NvsType::kU32:
    case NvsType::kU64:
      return entry.number;
    case NvsType::kFloat:
      return std::bit_cast<float>(static_cast<std::uint32_t>(entry.number));
    case NvsType::kDouble:
      return std::bit_cast<double>(entry.number);
    case NvsType::kString:
      return std::string(entry.data.begin(), entry.data.end());
    case NvsType::kBlob:
      return image::hex(entry.data);
    default:
      return static_cast<std::int64_t>(entry.number);
  }
}

// As far as one line shows it.
std::string text_of_value(const NvsEntry& entry) {
  constexpr std::size_t kMostBytes = 40;
  if (entry.type == NvsType::kString) {
    const std::string text = image::printable(entry.data);
    return '"' + text.substr(0, 2 * kMostBytes) + (text.size() > 2 * kMostBytes ? "..." : "") + '"';
  }
  if (entry.type != NvsType::kBlob) return value_of(entry).dump();
  const image::ByteView bytes(entry.data);
  return fmt::format("{} bytes: {}{}", bytes.size(),
                     image::hex(bytes.first(std::min(bytes.size(), kMostBytes))),
                     bytes.size() > kMostBytes ? "..." : "");
}

std::string json_of(const Found& found, const NvsContents& contents) {
  Json json{{"file", found.what}, {"kind", "nvs"}, {"size", found.bytes.size()}, {"pages", Json::array()}};
  for (const image::NvsPage& page : contents.pages)
    json["pages"].push_back({{"state", name_of(page.state)},
                             {"sequence", page.sequence},
                             {"version", page.version},
                             {"written", page.written},
                             {"erased", page.erased}});
  json["namespaces"] = contents.spaces;
  json["entries"] = Json::array();
  for (const NvsEntry& entry : contents.entries)
    json["entries"].push_back({{"namespace", entry.space},
                               {"key", entry.key},
                               {"type", name_of(entry.type)},
                               {"value", value_of(entry)}});
  json["problems"] = contents.problems;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string text_of(const Found& found, const NvsContents& contents) {
  unsigned written = 0;
  for (const image::NvsPage& page : contents.pages) written += page.written;
  std::string text = fmt::format("{}: NVS of {} pages, {} of {} entries written\n", found.what,
                                 contents.pages.size(), written, 126 * (contents.pages.size() - 1));
  for (const NvsEntry& entry : contents.entries)
    text += fmt::format("{:<15} {:<15} {:<6} {}\n", entry.space, entry.key, name_of(entry.type),
                        text_of_value(entry));
  for (const std::string& problem : contents.problems) text += fmt::format("damaged: {}\n", problem);
  return text;
}

int show(const ReadOptions& options) {
  const auto found = find_partition(options);
  if (!found) return fail(found.error());
  const auto contents = image::read_nvs(found->bytes);
  if (!contents) return fail(fmt::format("{}: {}", found->what, contents.error()));
  fmt::print("{}", options.json ? json_of(*found, *contents) : text_of(*found, *contents));
  if (contents->problems.empty()) return kDone;
  return fail(fmt::format("{}: {}", found->what, contents->problems.front()));
}

// 0x6000, 24576, 24K.
std::expected<std::size_t, std::string> parse_size(std::string_view text) {
  std::string_view digits = text;
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  std::size_t unit = 1;
  if (digits.ends_with('K')) unit = 1024;
  if (digits.ends_with('M')) unit = 1024 * 1024;
  if (unit != 1) digits.remove_suffix(1);
  std::size_t size = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size, hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      size > image::kLargestFlash / unit)
    return Wrong(fmt::format("--size {}: expected a partition's size, as in 0x6000 or 24K", text));
  return size * unit;
}

int make(const MakeOptions& options) {
  const auto size = parse_size(options.size);
  if (!size) return fail(size.error());
  const auto text = image::read_text_file(options.csv, image::kLargestFlash);
  if (!text) return fail(text.error());
  const auto rows = image::parse_nvs_csv(*text);
  if (!rows) return fail(fmt::format("{}:{}", options.csv, rows.error()));
  std::vector<NvsEntry> entries;
  for (const image::NvsRow& row : *rows) {
    std::string content = row.value;
    if (row.file) {
      const auto file =
          image::read_file(fs::path(options.csv).parent_path() / row.value, image::kLargestFlash);
      if (!file) return fail(fmt::format("{}:{}: {}", options.csv, row.line, file.error()));
      content.assign(file->begin(), file->end());
    }
    auto entry = image::nvs_entry(row, content);
    if (!entry) return fail(fmt::format("{}:{}: {}", options.csv, row.line, entry.error()));
    entries.push_back(std::move(*entry));
  }
  const auto bytes = image::nvs_partition(entries, *size);
  if (!bytes) return fail(fmt::format("{}: {}", options.csv, bytes.error()));
  if (auto written = image::write_file(options.output, *bytes); !written) return fail(written.error());
  return kDone;
}

}  // namespace

void add_nvs_commands(CLI::App& image, Action& action) {
  auto reading = std::make_shared<ReadOptions>();
  CLI::App* nvs =
      image.add_subcommand("nvs", "List the keys and values of an NVS partition, and verify its checksums");
  nvs->add_option("FILE", reading->path, "NVS partition, flash image or build folder")->required();
  nvs->add_option("--partition", reading->partition, "Which one of a flash (default: nvs)")
      ->type_name("LABEL");
  nvs->add_flag("--json", reading->json, "As JSON");
  nvs->callback([reading, &action] { action = [reading] { return show(*reading); }; });

  auto making = std::make_shared<MakeOptions>();
  CLI::App* gen =
      image.add_subcommand("nvs-gen", "Make an NVS partition of a CSV file, as ESP-IDF's nvs_partition_gen");
  gen->footer(
      "The first line is key,type,encoding,value; types are namespace, data and file, encodings u8 to u64,\n"
      "i8 to i64, string, binary, hex2bin and base64. Names of files count from the CSV file's folder.");
  gen->add_option("CSV", making->csv, "The keys and values")->required();
  gen->add_option("-o,--output", making->output, "The partition to write")->type_name("FILE")->required();
  gen->add_option("--size", making->size, "The partition's size, as in 0x6000 or 24K")
      ->type_name("N")
      ->required();
  gen->callback([making, &action] { action = [making] { return make(*making); }; });
}

}  // namespace espalier::cli
