#include "image/build_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "image/esp_image.h"
#include "image/file.h"
#include "image/flash_image.h"

namespace espalier::image {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::unexpected<std::string> wrong(std::string text) {
  return std::unexpected(std::move(text));
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// esptool's three options, with the values that mean "leave it as it is".
std::expected<void, std::string> set_flash_option(FlashSettingsRequest& settings, std::string_view option,
                                                  std::string_view value) {
  auto set = [&](std::optional<std::uint8_t>& field, const auto& table) -> std::expected<void, std::string> {
    if (value == "keep" || value == "detect") return {};
    auto code = code_of_name(table, value);
    if (!code) return wrong(fmt::format("{}: {}", option, code.error()));
    field = *code;
    return {};
  };
  if (option == "flash_mode") return set(settings.mode, kFlashModes);
  if (option == "flash_freq") return set(settings.frequency, kFlashFrequencies);
  return set(settings.size, kFlashSizes);
}

std::expected<void, std::string> add_part(FlashPlan& plan, std::string_view offset_text,
                                          std::string_view file) {
  auto offset = parse_number(offset_text);
  if (!offset) return wrong(fmt::format("'{}' is no flash offset", offset_text));
  if (file.empty()) return wrong(fmt::format("no file is named for offset {}", offset_text));
  plan.parts.push_back({.offset = *offset, .file = std::string(file)});
  return {};
}

std::expected<FlashPlan, std::string> finished(FlashPlan plan) {
  if (plan.parts.empty()) return wrong("names no files to flash");
  std::ranges::stable_sort(plan.parts, {}, &FlashPart::offset);
  return plan;
}

// The words of a text as a shell would see them: esptool reads its @files so. An unclosed quotation ends with
// the text.
std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size();
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      if (!word) word.emplace();
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      if (word) words.push_back(std::move(*word));
      word.reset();
    } else {
      if (!word) word.emplace();
      *word += escapes ? text[++i] : c;
    }
  }
  if (word) words.push_back(std::move(*word));
  return words;
}

std::expected<BuildFolder, std::string> read_list(
    const fs::path& list, std::expected<FlashPlan, std::string> (*parse)(std::string_view)) {
  auto text = read_text_file(list);
  if (!text) return wrong(text.error());
  auto plan = parse(*text);
  if (!plan) return wrong(fmt::format("{}: {}", list.string(), plan.error()));
  return BuildFolder{.list = list, .plan = std::move(*plan)};
}

// Source of the offsets: tools.esptool_py.upload in arduino-esp32's platform.txt, for the ESP32.
std::expected<BuildFolder, std::string> read_arduino_export(const fs::path& folder) {
  static constexpr std::string_view kSuffix = ".bootloader.bin";
  std::vector<std::string> projects;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(fmt::format(".ino{}", kSuffix))) {
      projects.push_back(name.substr(0, name.size() - kSuffix.size()));
    }
  }
  if (error) return wrong(fmt::format("{}: {}", folder.string(), error.message()));
  if (projects.empty()) {
    return wrong(
        fmt::format("{}: no flasher_args.json and no flash_args in this folder: is it a build folder, and "
                    "was the project built?",
                    folder.string()));
  }
  if (projects.size() > 1) {
    return wrong(fmt::format("{}: more than one Arduino sketch in this folder: {}", folder.string(),
                             fmt::join(projects, ", ")));
  }
  FlashPlan plan;
  plan.parts = {{0x1000, projects[0] + ".bootloader.bin"}, {0x8000, projects[0] + ".partitions.bin"}};
  if (fs::exists(folder / "boot_app0.bin", error)) plan.parts.push_back({0xe000, "boot_app0.bin"});
  plan.parts.push_back({0x10000, projects[0] + ".bin"});
  return BuildFolder{.list = folder, .plan = std::move(plan)};
}

}  // namespace

std::expected<FlashPlan, std::string> parse_flasher_args_json(std::string_view text) {
  json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return wrong("is not valid JSON");
  if (!root.is_object()) return wrong("holds no JSON object");
  FlashPlan plan;
  if (auto extra = root.find("extra_esptool_args"); extra != root.end() && extra->is_object()) {
    auto chip = extra->find("chip");
    if (chip != extra->end() && chip->is_string() && chip->get_ref<const std::string&>() != "esp32") {
      return wrong(
          fmt::format("is of a build for the {}, not for the esp32", chip->get_ref<const std::string&>()));
    }
  }
  if (auto settings = root.find("flash_settings"); settings != root.end() && settings->is_object()) {
    for (const char* option : {"flash_mode", "flash_freq", "flash_size"}) {
      auto value = settings->find(option);
      if (value == settings->end()) continue;
      if (!value->is_string()) return wrong(fmt::format("{} in flash_settings is no text", option));
      auto set = set_flash_option(plan.settings, option, value->get_ref<const std::string&>());
      if (!set) return wrong(set.error());
    }
  }
  auto files = root.find("flash_files");
  if (files == root.end() || !files->is_object()) return wrong("has no flash_files");
  for (const auto& [offset, file] : files->items()) {
    if (!file.is_string())
      return wrong(fmt::format("the file of offset {} in flash_files is no text", offset));
    auto added = add_part(plan, offset, file.get_ref<const std::string&>());
    if (!added) return wrong(added.error());
  }
  return finished(std::move(plan));
}

std::expected<FlashPlan, std::string> parse_flash_args(std::string_view text) {
  FlashPlan plan;
  std::vector<std::string> words = shell_words(text);
  for (std::size_t i = 0; i < words.size(); i += 2) {
    std::string word = words[i];
    if (i + 1 == words.size()) return wrong(fmt::format("ends after '{}'", word));
    const std::string& next = words[i + 1];
    if (!word.starts_with('-')) {
      auto added = add_part(plan, word, next);
      if (!added) return wrong(added.error());
      continue;
    }
    // esptool v5 spells its options with '-' where older ones have '_'.
    std::ranges::replace(word, '-', '_');
    std::string_view option(word);
    option.remove_prefix(std::min(option.find_first_not_of('_'), option.size()));
    static constexpr std::pair<std::string_view, std::string_view> kShort[] = {
        {"fm", "flash_mode"}, {"ff", "flash_freq"}, {"fs", "flash_size"}};
    for (auto [brief, name] : kShort) {
      if (option == brief) option = name;
    }
    if (option != "flash_mode" && option != "flash_freq" && option != "flash_size") {
      return wrong(fmt::format(
          "has the option {}; only --flash_mode, --flash_freq and --flash_size are known", words[i]));
    }
    auto set = set_flash_option(plan.settings, option, next);
    if (!set) return wrong(set.error());
  }
  return finished(std::move(plan));
}

std::expected<BuildFolder, std::string> read_build_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / "flasher_args.json", error)) {
    return read_list(folder / "flasher_args.json", parse_flasher_args_json);
  }
  if (fs::exists(folder / "flash_args", error)) return read_list(folder / "flash_args", parse_flash_args);
  return read_arduino_export(folder);
}

std::expected<Bytes, std::string> merge_parts(const std::vector<PlacedBytes>& parts,
                                              const FlashSettingsRequest& settings, std::uint64_t largest) {
  std::vector<const PlacedBytes*> order;
  for (const PlacedBytes& part : parts) order.push_back(&part);
  std::ranges::stable_sort(order, {}, &PlacedBytes::offset);
  Bytes flash;
  const PlacedBytes* before = nullptr;
  for (const PlacedBytes* part : order) {
    std::uint64_t end = std::uint64_t{part->offset} + part->bytes.size();
    if (end > largest) {
      return wrong(fmt::format("{}: {:#x} bytes at {:#x} end past the flash, which has {} MiB", part->name,
                               part->bytes.size(), part->offset, largest >> 20));
    }
    if (part->offset < flash.size()) {
      return wrong(fmt::format("{}: at {:#x} it overlaps {}, which ends at {:#x}", part->name, part->offset,
                               before->name, flash.size()));
    }
    flash.resize(part->offset, 0xff);
    flash.insert(flash.end(), part->bytes.begin(), part->bytes.end());
    before = part;
    if (part->offset == kBootloaderOffset) {
      apply_flash_settings(std::span(flash).subspan(part->offset), settings);
    }
  }
  if (flash.empty()) return wrong("nothing to put into flash: the files are empty");
  return flash;
}

}  // namespace espalier::image
