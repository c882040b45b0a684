#include "cli/image_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace espalier::cli {
namespace {

using image::Finding;
using image::ImageReport;
using image::ImageSegment;
using image::Partition;
using json = nlohmann::ordered_json;

std::string human_size(std::uint64_t bytes) {
  if (bytes >= 1u << 20 && bytes % (1u << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  if (bytes >= 1024 && bytes % 1024 == 0) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} bytes", bytes);
}

std::string_view name_of(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::kNote:
      return "note";
    case Finding::Severity::kDamaged:
      return "damaged";
    case Finding::Severity::kUnbootable:
      return "unbootable";
  }
  return "";
}

std::string flags_of(const Partition& partition) {
  std::string flags;
  if (partition.encrypted()) flags += " encrypted";
  if (partition.read_only()) flags += " readonly";
  return flags;
}

std::string revisions_of(const image::ImageHeader& header) {
  std::uint16_t least = std::max<std::uint16_t>(header.min_revision_full, header.min_revision * 100);
  bool bounded = header.max_revision_full != 0 && header.max_revision_full != 0xffff;
  if (least == 0 && !bounded) return "any revision";
  std::string text = "revision " + image::revision_name(least);
  return text + (bounded ? " to " + image::revision_name(header.max_revision_full) : " and later");
}

}  // namespace

std::string text_of(const ImageReport& report) {
  std::string text;
  auto out = std::back_inserter(text);
  const image::EspImage& image = report.image;
  if (report.app) {
    const image::AppDescription& app = *report.app;
    if (!app.project.empty()) fmt::format_to(out, "  project    {} {}\n", app.project, app.version);
    fmt::format_to(out, "  built      {} {} with ESP-IDF {}\n", app.date, app.time, app.idf_version);
    fmt::format_to(out, "  ELF file   SHA-256 {}\n", image::hex(app.elf_hash));
    if (app.secure_version != 0) fmt::format_to(out, "  secure     version {}\n", app.secure_version);
  }
  if (report.bootloader) {
    fmt::format_to(out, "  built      {}{}with ESP-IDF {}\n", report.bootloader->date_time,
                   report.bootloader->date_time.empty() ? "" : " ", report.bootloader->idf_version);
  }
  fmt::format_to(out, "  chip       {}, {}\n", image::chip_name(image.header.chip_id),
                 revisions_of(image.header));
  fmt::format_to(out, "  flash      {}, {}, {}\n", name_of_code(image::kFlashModes, image.header.flash.mode),
                 name_of_code(image::kFlashFrequencies, image.header.flash.frequency),
                 name_of_code(image::kFlashSizes, image.header.flash.size));
  fmt::format_to(out, "  entry      {:#010x}\n", image.header.entry);
  fmt::format_to(out, "  segments     address      size    offset  memory\n");
  for (const ImageSegment& segment : image.segments) {
    fmt::format_to(out, "            {:#010x} {:#9x} {:#9x}  {}\n", segment.address, segment.size,
                   report.offset + segment.offset, image::name_of(segment.kind()));
  }
  fmt::format_to(
      out, "  checksum   {:#04x} {}\n", image.stored_checksum,
      image.checksum_matches() ? "ok" : fmt::format("WRONG, should be {:#04x}", image.computed_checksum));
  if (image.stored_hash) {
    fmt::format_to(
        out, "  SHA-256    {} {}\n", image::hex(*image.stored_hash),
        image.hash_matches() ? "ok" : fmt::format("WRONG, should be {}", image::hex(*image.computed_hash)));
  } else {
    fmt::format_to(out, "  SHA-256    none appended\n");
  }
  return text;
}

std::string text_of(const image::PartitionTable& table, std::uint32_t offset) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "partition table at {:#x}: {} partition{}, {}\n", offset, table.partitions.size(),
                 table.partitions.size() == 1 ? "" : "s", table.has_md5 ? "MD5 ok" : "no MD5");
  fmt::format_to(out, "  {:<16} {:<15} {:<10} {:>9} {:>9}\n", "name", "type", "subtype", "offset", "size");
  for (const Partition& partition : table.partitions) {
    fmt::format_to(out, "  {:<16} {:<15} {:<10} {:#9x} {:#9x}  {}{}\n", partition.label,
                   partition.type_name(), partition.subtype_name(), partition.offset, partition.size,
                   human_size(partition.size), flags_of(partition));
  }
  return text;
}

std::string text_of(const image::FlashImage& flash, const image::FlashReport& report) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{}: flash of {}, {} given{}\n", flash.name, human_size(flash.bytes.size()),
                 human_size(flash.data_end - flash.file_offset),
                 flash.file_offset != 0 ? fmt::format(", to be flashed at {:#x}", flash.file_offset) : "");
  if (report.bootloader) {
    fmt::format_to(out, "\nbootloader at {:#x}: {}\n{}", report.bootloader->offset,
                   human_size(report.bootloader->image.size), text_of(*report.bootloader));
  }
  if (report.table) fmt::format_to(out, "\n{}", text_of(*report.table, *report.table_offset));
  for (const ImageReport& app : report.apps) {
    fmt::format_to(out, "\napplication in '{}' at {:#x}: {}\n{}", app.partition, app.offset,
                   human_size(app.image.size), text_of(app));
  }
  if (!report.findings.empty()) {
    fmt::format_to(out, "\n");
    for (const Finding& finding : report.findings) {
      fmt::format_to(out, "{}: {}\n", name_of(finding.severity), finding.text);
    }
  }
  return text;
}

json json_of(const ImageReport& report) {
  const image::EspImage& image = report.image;
  const image::ImageHeader& header = image.header;
  json result{{"offset", report.offset}, {"size", image.size}};
  if (!report.partition.empty()) result["partition"] = report.partition;
  if (report.app) {
    result["app"] = {{"project", report.app->project},
                     {"version", report.app->version},
                     {"date", report.app->date},
                     {"time", report.app->time},
                     {"idf_version", report.app->idf_version},
                     {"secure_version", report.app->secure_version},
                     {"elf_sha256", image::hex(report.app->elf_hash)}};
  }
  if (report.bootloader) {
    result["bootloader"] = {{"version", report.bootloader->version},
                            {"idf_version", report.bootloader->idf_version},
                            {"date_time", report.bootloader->date_time},
                            {"secure_version", report.bootloader->secure_version}};
  }
  result["chip"] = image::chip_name(header.chip_id);
  result["min_revision"] = std::max<unsigned>(header.min_revision_full, header.min_revision * 100);
  result["max_revision"] = header.max_revision_full;
  result["flash_mode"] = name_of_code(image::kFlashModes, header.flash.mode);
  result["flash_frequency"] = name_of_code(image::kFlashFrequencies, header.flash.frequency);
  result["flash_size"] = name_of_code(image::kFlashSizes, header.flash.size);
  result["entry"] = header.entry;
  result["segments"] = json::array();
  for (const ImageSegment& segment : image.segments) {
    result["segments"].push_back({{"address", segment.address},
                                  {"size", segment.size},
                                  {"offset", report.offset + segment.offset},
                                  {"memory", image::name_of(segment.kind())}});
  }
  result["checksum"] = {{"stored", image.stored_checksum},
                        {"computed", image.computed_checksum},
                        {"ok", image.checksum_matches()}};
  if (image.stored_hash) {
    result["sha256"] = {{"stored", image::hex(*image.stored_hash)},
                        {"computed", image::hex(*image.computed_hash)},
                        {"ok", image.hash_matches()}};
  }
  return result;
}

json json_of(const image::PartitionTable& table, std::uint32_t offset) {
  json result{{"offset", offset}, {"md5", table.has_md5 ? "ok" : "none"}, {"partitions", json::array()}};
  for (const Partition& partition : table.partitions) {
    result["partitions"].push_back({{"label", partition.label},
                                    {"type", partition.type_name()},
                                    {"subtype", partition.subtype_name()},
                                    {"offset", partition.offset},
                                    {"size", partition.size},
                                    {"encrypted", partition.encrypted()},
                                    {"read_only", partition.read_only()}});
  }
  return result;
}

json json_of(const std::vector<Finding>& findings) {
  json result = json::array();
  for (const Finding& finding : findings) {
    result.push_back({{"severity", name_of(finding.severity)}, {"text", finding.text}});
  }
  return result;
}

json json_of(const image::FlashImage& flash, const image::FlashReport& report) {
  json result{{"file", flash.name}, {"kind", "flash"}, {"flash_size", flash.bytes.size()}};
  if (report.bootloader) result["bootloader"] = json_of(*report.bootloader);
  if (report.table) result["partition_table"] = json_of(*report.table, *report.table_offset);
  result["applications"] = json::array();
  for (const ImageReport& app : report.apps) result["applications"].push_back(json_of(app));
  result["findings"] = json_of(report.findings);
  return result;
}

}  // namespace espalier::cli
