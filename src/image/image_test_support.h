// Images, partition tables and ELF files made in memory, for the tests of this layer and of those above it.
#pragma once

#include <elf.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "image/bytes.h"
#include "image/esp_image.h"
#include "image/flash_image.h"
#include "image/partition_table.h"

namespace espalier::image::test {

inline Bytes bytes_of(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

struct TestSegment {
  std::uint32_t address;
  Bytes data;
};

// An image with a right checksum and, if the header asks for it, a right hash.
inline Bytes make_image(const std::vector<TestSegment>& segments,
                        ImageHeader header = {.entry = 0x40080000}) {
  header.segment_count = static_cast<std::uint8_t>(segments.size());
  Bytes image;
  append_header(image, header);
  std::uint8_t checksum = kChecksumSeed;
  for (const TestSegment& segment : segments) {
    append32(image, segment.address);
    append32(image, static_cast<std::uint32_t>(segment.data.size()));
    image.insert(image.end(), segment.data.begin(), segment.data.end());
    checksum = image_checksum(segment.data, checksum);
  }
  image.resize(image.size() | 15, 0);
  image.push_back(checksum);
  if (header.hash_appended) {
    Sha256 hash = sha256(image);
    image.insert(image.end(), hash.begin(), hash.end());
  }
  return image;
}

// The text that tells ESP-IDF's bootloader from other programs at its place.
inline Bytes make_idf_bootloader(std::uint8_t flash_size_code = 1) {
  Bytes text = bytes_of("ESP-IDF v5.0 2nd stage bootloader");
  text.resize(36, 0);
  return make_image({{0x3fff0030, text}, {0x40080400, Bytes(64, 0x11)}},
                    {.flash = {.mode = 2, .frequency = 0, .size = flash_size_code},
                     .entry = 0x40080400,
                     .hash_appended = true});
}

inline Bytes make_app_description(std::string_view project, std::string_view version) {
  Bytes description;
  append32(description, 0xabcd5432);
  description.resize(256, 0);
  auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), description.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(16, version);
  put(48, project);
  put(80, "12:51:54");
  put(96, "Jun  8 2023");
  put(112, "v5.0.1");
  return description;
}

inline Bytes make_app(ImageHeader header = {.entry = 0x400d0020, .hash_appended = true}) {
  return make_image({{0x3f400020, make_app_description("hello", "1.2.3")}, {0x40080000, Bytes(128, 0x22)}},
                    header);
}

inline PartitionTable make_table() {
  return {.partitions = {{.label = "nvs", .type = 1, .subtype = 2, .offset = 0x9000, .size = 0x6000},
                         {.label = "phy_init", .type = 1, .subtype = 1, .offset = 0xf000, .size = 0x1000},
                         {.label = "factory", .type = 0, .subtype = 0, .offset = 0x10000, .size = 0x100000}},
          .has_md5 = true};
}

inline void put(Bytes& flash, std::size_t offset, const Bytes& bytes) {
  if (flash.size() < offset + bytes.size()) flash.resize(offset + bytes.size(), 0xff);
  std::ranges::copy(bytes, flash.begin() + static_cast<std::ptrdiff_t>(offset));
}

// Bootloader, partition table and application, as esptool would merge them, without padding behind them.
inline Bytes make_flash(const Bytes& bootloader = make_idf_bootloader(),
                        const PartitionTable& table = make_table(), const Bytes& app = make_app()) {
  Bytes flash;
  put(flash, kBootloaderOffset, bootloader);
  put(flash, kPartitionTableOffset, partition_table_bytes(table));
  put(flash, 0x10000, app);
  return flash;
}

// A folder that is gone when the test is.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "espalier-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::filesystem::path& name, const Bytes& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }
  std::filesystem::path write(const std::filesystem::path& name, std::string_view text) const {
    return write(name, bytes_of(text));
  }

 private:
  std::filesystem::path path_;
};

// What a build leaves behind: the files of make_flash() and their list.
inline void make_build_folder(const TemporaryFolder& folder, std::string_view flash_size = "2MB") {
  folder.write("bootloader/bootloader.bin", make_idf_bootloader());
  folder.write("partition_table/partition-table.bin", partition_table_bytes(make_table()));
  folder.write("hello.bin", make_app());
  folder.write("flasher_args.json", std::string(R"({
    "flash_settings": {"flash_mode": "dio", "flash_freq": "40m", "flash_size": ")") +
                                        std::string(flash_size) + R"("},
    "flash_files": {
      "0x1000": "bootloader/bootloader.bin",
      "0x10000": "hello.bin",
      "0x8000": "partition_table/partition-table.bin"
    },
    "extra_esptool_args": {"chip": "esp32"}
  })");
}

struct TestElfSection {
  std::string name;
  std::uint32_t address = 0;
  Bytes data{};
  std::uint32_t type = SHT_PROGBITS;
  std::uint32_t flags = SHF_ALLOC;
  std::uint32_t bss_size = 0;  // of a SHT_NOBITS section
};

struct TestElfSymbol {
  std::string name;
  std::uint32_t value = 0;
  std::uint32_t size = 0;
  std::uint8_t type = STT_FUNC;
  std::uint8_t binding = STB_GLOBAL;
  std::uint16_t section = 1;
};

struct TestElfSegment {
  std::uint32_t address, load_address;
  Bytes data;
};

// A linked Xtensa ELF file.
inline Bytes make_elf(const std::vector<TestElfSection>& sections,
                      const std::vector<TestElfSymbol>& symbols = {},
                      const std::vector<TestElfSegment>& segments = {}, std::uint32_t entry = 0x40080000) {
  struct Written {
    std::string name;
    std::uint32_t type, flags, address, offset, size, link, entry_size;
  };
  Bytes file(sizeof(Elf32_Ehdr) + segments.size() * sizeof(Elf32_Phdr));
  auto append = [&](const Bytes& data) {
    std::uint32_t at = static_cast<std::uint32_t>(file.size());
    file.insert(file.end(), data.begin(), data.end());
    return at;
  };
  std::vector<Written> written{{"", SHT_NULL, 0, 0, 0, 0, 0, 0}};
  for (const TestElfSection& section : sections) {
    std::uint32_t size =
        section.type == SHT_NOBITS ? section.bss_size : static_cast<std::uint32_t>(section.data.size());
    written.push_back(
        {section.name, section.type, section.flags, section.address, append(section.data), size, 0, 0});
  }
  Bytes names{0}, table(sizeof(Elf32_Sym), 0);
  for (const TestElfSymbol& symbol : symbols) {
    append32(table, static_cast<std::uint32_t>(names.size()));
    append32(table, symbol.value);
    append32(table, symbol.size);
    table.push_back(ELF32_ST_INFO(symbol.binding, symbol.type));
    table.push_back(0);
    append16(table, symbol.section);
    names.insert(names.end(), symbol.name.begin(), symbol.name.end());
    names.push_back(0);
  }
  std::uint32_t strings = static_cast<std::uint32_t>(written.size()) + 1;
  written.push_back({".symtab", SHT_SYMTAB, 0, 0, append(table), static_cast<std::uint32_t>(table.size()),
                     strings, sizeof(Elf32_Sym)});
  written.push_back(
      {".strtab", SHT_STRTAB, 0, 0, append(names), static_cast<std::uint32_t>(names.size()), 0, 0});
  Bytes section_names;
  std::vector<std::uint32_t> name_offsets;
  written.push_back({".shstrtab", SHT_STRTAB, 0, 0, 0, 0, 0, 0});
  for (const Written& section : written) {
    name_offsets.push_back(static_cast<std::uint32_t>(section_names.size()));
    section_names.insert(section_names.end(), section.name.begin(), section.name.end());
    section_names.push_back(0);
  }
  written.back().offset = append(section_names);
  written.back().size = static_cast<std::uint32_t>(section_names.size());

  Bytes program_headers;
  for (const TestElfSegment& segment : segments) {
    std::uint32_t size = static_cast<std::uint32_t>(segment.data.size());
    for (std::uint32_t field : {std::uint32_t{PT_LOAD}, append(segment.data), segment.address,
                                segment.load_address, size, size, std::uint32_t{PF_R | PF_X}, 4u}) {
      append32(program_headers, field);
    }
  }
  std::ranges::copy(program_headers, file.begin() + sizeof(Elf32_Ehdr));
  file.resize((file.size() + 3) & ~std::size_t{3});
  std::uint32_t section_headers = static_cast<std::uint32_t>(file.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    const Written& w = written[i];
    for (std::uint32_t field :
         {name_offsets[i], w.type, w.flags, w.address, w.offset, w.size, w.link, 0u, 4u, w.entry_size}) {
      append32(file, field);
    }
  }
  Bytes header{0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT};
  header.resize(EI_NIDENT, 0);
  append16(header, ET_EXEC);
  append16(header, EM_XTENSA);
  append32(header, EV_CURRENT);
  append32(header, entry);
  append32(header, segments.empty() ? 0 : sizeof(Elf32_Ehdr));
  append32(header, section_headers);
  append32(header, 0);
  for (std::size_t field : {sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), segments.size(), sizeof(Elf32_Shdr),
                            written.size(), written.size() - 1}) {
    append16(header, static_cast<std::uint16_t>(field));
  }
  std::ranges::copy(header, file.begin());
  return file;
}

struct TestLine {
  std::uint32_t address;
  std::uint32_t file;  // from 1 on
  std::uint32_t line;
  bool statement = true;
};

// A .debug_line section with one table (DWARF 4, 6.2). The last line of each sequence is where that ends.
inline Bytes make_debug_line(const std::vector<std::string>& files,
                             const std::vector<std::vector<TestLine>>& sequences) {
  // Instruction length, operations, default_is_stmt, line base and range, arguments of the operations.
  Bytes header{1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};
  header.push_back(0);  // no folders
  for (const std::string& file : files) {
    header.insert(header.end(), file.begin(), file.end());
    header.insert(header.end(), {0, 0, 0, 0});
  }
  header.push_back(0);
  Bytes program;
  const auto add = [&program](std::initializer_list<std::uint8_t> bytes) {
    program.insert(program.end(), bytes);
  };
  constexpr std::uint8_t kCopy = 1, kAdvanceLine = 3, kSetFile = 4, kNegate = 6;
  for (const auto& sequence : sequences) {
    std::uint32_t line = 1;
    bool statement = true;
    for (std::size_t n = 0; n < sequence.size(); ++n) {
      const TestLine& row = sequence[n];
      add({0, 5, 2});  // DW_LNE_set_address
      append32(program, row.address);
      if (n + 1 == sequence.size()) {
        add({0, 1, 1});  // DW_LNE_end_sequence
        break;
      }
      add({kSetFile, static_cast<std::uint8_t>(row.file), kAdvanceLine});
      const auto by = static_cast<std::int32_t>(row.line - line);  // SLEB128 of two bytes
      add({static_cast<std::uint8_t>((by & 0x7f) | 0x80), static_cast<std::uint8_t>(by >> 7 & 0x7f)});
      line = row.line;
      if (std::exchange(statement, row.statement) != row.statement) add({kNegate});
      add({kCopy});
    }
  }
  Bytes table;
  append32(table, static_cast<std::uint32_t>(2 + 4 + header.size() + program.size()));
  append16(table, 4);
  append32(table, static_cast<std::uint32_t>(header.size()));
  table.insert(table.end(), header.begin(), header.end());
  table.insert(table.end(), program.begin(), program.end());
  return table;
}

}  // namespace espalier::image::test
