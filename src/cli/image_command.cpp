#include "cli/image_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/exit_code.h"
#include "cli/image_report.h"
#include "cli/nvs_command.h"
#include "cli/validators.h"
#include "image/elf.h"
#include "image/file.h"
#include "image/flash_image.h"
#include "image/flash_report.h"
#include "image/pack.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using image::Finding;

struct InfoOptions {
  std::string path;
  std::string flash_size;
  bool json = false;
};

struct MergeOptions {
  std::string folder;
  std::string output;
  std::string flash_size;
};

struct PackArguments {
  std::string elf;
  std::string output;
  std::string flash_mode = "qio";
  std::string flash_frequency = "40m";
  std::string flash_size = "1MB";
  bool secure_pad = false;
  bool secure_pad_v2 = false;
  bool no_digest = false;
  image::PackOptions options;
  std::optional<std::uint32_t> elf_hash_offset;
};

image::FlashImageOptions flash_options(const std::string& flash_size) {
  if (flash_size.empty()) return {};
  return {.flash_size = image::parse_flash_size(flash_size).value()};  // the parser has validated it
}

// The first finding that makes the file bad input goes to standard error.
int verdict(const std::string& name, const std::vector<Finding>& findings) {
  auto bad = std::ranges::max_element(findings, {}, &Finding::severity);
  if (bad == findings.end() || bad->severity == Finding::Severity::kNote) return kDone;
  return fail(fmt::format("{}: {}", name, bad->text));
}

// File names need not be UTF-8, but JSON has to be.
std::string lines_of(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int show_flash(const InfoOptions& options, const image::FlashImage& flash) {
  image::FlashReport report = image::inspect_flash(flash);
  fmt::print("{}", options.json ? lines_of(json_of(flash, report)) : text_of(flash, report));
  return verdict(options.path, report.findings);
}

// A bootloader's or an application's image by itself.
int show_image(const InfoOptions& options, image::ByteView bytes) {
  auto parsed = image::parse_image(bytes);
  if (!parsed) return fail(fmt::format("{}: {}", options.path, parsed.error()));
  image::ImageReport report{.offset = 0, .image = std::move(*parsed)};
  report.app = image::app_description(bytes, report.image);
  report.bootloader = image::bootloader_description(bytes, report.image);
  std::vector<Finding> findings;
  image::check_image(report.image, "the image", findings);
  if (options.json) {
    nlohmann::ordered_json json{{"file", options.path}, {"kind", "image"}};
    json["image"] = json_of(report);
    json["findings"] = json_of(findings);
    fmt::print("{}", lines_of(json));
  } else {
    fmt::print("{}: ESP image of {} bytes\n{}", options.path, report.image.size, text_of(report));
  }
  return verdict(options.path, findings);
}

int show_table(const InfoOptions& options, image::ByteView bytes) {
  auto size = flash_options(options.flash_size).flash_size.value_or(image::kLargestFlash);
  auto table = image::parse_partition_table(bytes, size);
  if (!table) return fail(fmt::format("{}: {}", options.path, table.error()));
  std::vector<Finding> findings;
  for (std::string& line : image::partition_table_oddities(*table, image::kPartitionTableOffset)) {
    findings.push_back({Finding::Severity::kNote, std::move(line)});
  }
  if (options.json) {
    nlohmann::ordered_json json{{"file", options.path}, {"kind", "partition_table"}};
    json["partition_table"] = json_of(*table, image::kPartitionTableOffset);
    json["findings"] = json_of(findings);
    fmt::print("{}", lines_of(json));
  } else {
    fmt::print("{}: {}", options.path, text_of(*table, image::kPartitionTableOffset));
    for (const Finding& finding : findings) fmt::print("note: {}\n", finding.text);
  }
  return kDone;
}

int info(const InfoOptions& options) {
  std::error_code error;
  auto flash_from = flash_options(options.flash_size);
  if (!fs::is_directory(options.path, error)) {
    auto bytes = image::read_file(options.path, image::kLargestFlash);
    if (!bytes) return fail(bytes.error());
    switch (image::file_kind(*bytes)) {
      case image::FileKind::kImage:
        return show_image(options, *bytes);
      case image::FileKind::kPartitionTable:
        return show_table(options, *bytes);
      case image::FileKind::kFlash:
        break;
    }
  }
  auto flash = image::load_flash_image(options.path, flash_from);
  if (!flash) return fail(flash.error());
  return show_flash(options, *flash);
}

int merge(const MergeOptions& options) {
  std::error_code error;
  if (fs::exists(options.folder, error) && !fs::is_directory(options.folder, error)) {
    return fail(fmt::format("{}: is no folder", options.folder));
  }
  auto flash = image::load_flash_image(options.folder, flash_options(options.flash_size));
  if (!flash) return fail(flash.error());
  if (auto bootable = image::check_bootable(*flash); !bootable) return fail(bootable.error());
  if (auto written = image::write_file(options.output, flash->bytes); !written) return fail(written.error());
  fmt::print(stderr, "espalier: {}: {} MiB of flash from {}\n", options.output, flash->bytes.size() >> 20,
             options.folder);
  return kDone;
}

int pack(const PackArguments& arguments) {
  image::PackOptions options = arguments.options;
  options.flash = {
      .mode = image::code_of_name(image::kFlashModes, arguments.flash_mode).value(),
      .frequency = image::code_of_name(image::kFlashFrequencies, arguments.flash_frequency).value(),
      .size = image::code_of_name(image::kFlashSizes, arguments.flash_size).value()};
  options.append_hash = !arguments.no_digest;
  options.elf_hash_offset = arguments.elf_hash_offset;
  if (arguments.secure_pad) options.secure_pad = image::SecurePad::kV1;
  if (arguments.secure_pad_v2) options.secure_pad = image::SecurePad::kV2;
  auto elf = image::ElfFile::load(arguments.elf);
  if (!elf) return fail(elf.error());
  auto image = image::pack_image(*elf, options);
  if (!image) return fail(fmt::format("{}: {}", arguments.elf, image.error()));
  if (auto written = image::write_file(arguments.output, *image); !written) return fail(written.error());
  fmt::print(stderr, "espalier: {}: image of {} bytes, {} segments\n", arguments.output, image->size(),
             (*image)[1]);
  return kDone;
}

void add_info(CLI::App& parent, Action& action) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* info_command =
      parent.add_subcommand("info", "Show what an image holds, and verify its checksums");
  info_command->add_option("IMAGE", options->path, "Flash image, build folder, ESP image or partition table")
      ->required();
  info_command
      ->add_option("--flash-size", options->flash_size, "The flash chip's size: 1M, 2M, 4M, 8M or 16M")
      ->check(flash_size_validator());
  info_command->add_flag("--json", options->json, "As JSON");
  info_command->callback([options, &action] { action = [options] { return info(*options); }; });
}

void add_merge(CLI::App& parent, Action& action) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App* merge_command = parent.add_subcommand("merge", "Make one flash image of a build folder");
  merge_command->add_option("FOLDER", options->folder, "Folder with flasher_args.json or flash_args")
      ->required();
  merge_command->add_option("-o,--output", options->output, "The flash image to write")->required();
  merge_command->add_option("--flash-size", options->flash_size, "1M, 2M, 4M, 8M or 16M (default: as built)")
      ->check(flash_size_validator());
  merge_command->callback([options, &action] { action = [options] { return merge(*options); }; });
}

void add_pack(CLI::App& parent, Action& action) {
  auto arguments = std::make_shared<PackArguments>();
  CLI::App* command =
      parent.add_subcommand("pack", "Make an ESP image of an ELF file, as esptool's elf2image does");
  command->add_option("ELF", arguments->elf, "The linked program")->required();
  command->add_option("-o,--output", arguments->output, "The image to write")->required();
  command->add_option("--flash-mode", arguments->flash_mode, "qio, qout, dio, dout (default: qio)")
      ->check(code_name_validator(image::kFlashModes));
  command->add_option("--flash-freq", arguments->flash_frequency, "80m, 40m, 26m, 20m (default: 40m)")
      ->check(code_name_validator(image::kFlashFrequencies));
  command->add_option("--flash-size", arguments->flash_size, "1MB, 2MB, 4MB, 8MB, 16MB, ... (default: 1MB)")
      ->check(code_name_validator(image::kFlashSizes));
  command->add_option("--min-rev", arguments->options.min_revision, "Least chip revision, old form");
  command->add_option("--min-rev-full", arguments->options.min_revision_full,
                      "Least chip revision: major*100+minor");
  command->add_option("--max-rev-full", arguments->options.max_revision_full,
                      "Last chip revision: major*100+minor");
  command->add_option("--elf-sha256-offset", arguments->elf_hash_offset,
                      "Where the ELF file's SHA-256 goes (default: the application description)");
  command->add_flag("--use-segments", arguments->options.use_segments,
                    "Take program headers instead of sections");
  command->add_flag("--dont-append-digest", arguments->no_digest, "Append no SHA-256");
  CLI::Option* v1 =
      command->add_flag("--secure-pad", arguments->secure_pad, "Pad for signing, secure boot v1");
  command->add_flag("--secure-pad-v2", arguments->secure_pad_v2, "Pad for signing, secure boot v2")
      ->excludes(v1);
  command->callback([arguments, &action] { action = [arguments] { return pack(*arguments); }; });
}

}  // namespace

void add_image_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("image", "Look into flash images, and make them");
  add_info(*command, action);
  add_merge(*command, action);
  add_pack(*command, action);
  add_nvs_commands(*command, action);
  // CLI11 calls this after the subcommand's own.
  command->callback([&action] {
    if (!action)
      action = [] {
        return fail("image: what about it? `espalier image --help` lists info, merge, pack, nvs and nvs-gen");
      };
  });
}

}  // namespace espalier::cli
