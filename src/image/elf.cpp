#include "image/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "image/file.h"

namespace espalier::image {
namespace {

std::unexpected<std::string> wrong(std::string text) {
  return std::unexpected(std::move(text));
}

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

// What a header is asked before libelf sees the file.
std::expected<void, std::string> check_header(ByteView bytes) {
  if (bytes.size() < 4 || !std::equal(bytes.begin(), bytes.begin() + 4, ELFMAG))
    return wrong("is no ELF file");
  if (bytes.size() < sizeof(Elf32_Ehdr)) return wrong("is cut short: it ends within its ELF header");
  if (bytes[EI_CLASS] != ELFCLASS32 || bytes[EI_DATA] != ELFDATA2LSB) {
    return wrong("is no ELF file for the ESP32: not 32-bit little-endian");
  }
  std::uint16_t type = load16(bytes, offsetof(Elf32_Ehdr, e_type));
  std::uint16_t machine = load16(bytes, offsetof(Elf32_Ehdr, e_machine));
  if (machine != EM_XTENSA) {
    return wrong(
        fmt::format("is no ELF file for the ESP32: its machine is {}, not Xtensa",
                    machine == EM_RISCV ? std::string("RISC-V") : fmt::format("number {}", machine)));
  }
  if (type != ET_EXEC) return wrong("is no linked program: an ELF file of type EXEC is needed");
  // libelf would read a file with a header table past its end as one without that table.
  struct Table {
    const char* name;
    std::size_t offset, entry_size, count, expected_size;
  };
  static constexpr Table kTables[] = {
      {"section", offsetof(Elf32_Ehdr, e_shoff), offsetof(Elf32_Ehdr, e_shentsize),
       offsetof(Elf32_Ehdr, e_shnum), sizeof(Elf32_Shdr)},
      {"program", offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf32_Ehdr, e_phentsize),
       offsetof(Elf32_Ehdr, e_phnum), sizeof(Elf32_Phdr)}};
  for (const Table& table : kTables) {
    std::size_t count = load16(bytes, table.count);
    if (count == 0) continue;
    if (load16(bytes, table.entry_size) != table.expected_size) {
      return wrong(fmt::format("is damaged: its {} headers have an unknown size", table.name));
    }
    if (!slice(bytes, load32(bytes, table.offset), count * table.expected_size)) {
      return wrong(
          fmt::format("is cut short: its {} headers lie past its end at {:#x}", table.name, bytes.size()));
    }
  }
  return {};
}

std::string text_at(ByteView strings, std::uint32_t offset) {
  if (offset >= strings.size()) return {};
  auto begin = strings.begin() + offset;
  return std::string(begin, std::find(begin, strings.end(), 0));
}

// In a file read from memory libelf hands out headers where they lie, at any alignment.
template <class Header>
std::optional<Header> copy_of(const Header* header) {
  if (header == nullptr) return std::nullopt;
  Header copy;
  std::memcpy(&copy, static_cast<const void*>(header), sizeof copy);
  return copy;
}

ByteView view(const Elf_Data* data) {
  if (data == nullptr || data->d_buf == nullptr) return {};
  return {static_cast<const std::uint8_t*>(data->d_buf), data->d_size};
}

std::expected<std::vector<ElfSection>, std::string> read_sections(Elf* elf, ByteView bytes) {
  std::size_t count = 0;
  if (elf_getshdrnum(elf, &count) != 0) return wrong(fmt::format("is damaged: {}", elf_errmsg(-1)));
  std::size_t names = 0;
  ByteView name_bytes;
  if (count != 0 && elf_getshdrstrndx(elf, &names) == 0 && names != 0) {
    if (Elf_Scn* section = elf_getscn(elf, names)) name_bytes = view(elf_rawdata(section, nullptr));
  }
  std::vector<ElfSection> sections;
  for (std::size_t index = 1; index < count; ++index) {
    Elf_Scn* scn = elf_getscn(elf, index);
    auto header = copy_of(scn == nullptr ? nullptr : elf32_getshdr(scn));
    if (!header) return wrong(fmt::format("is damaged: {}", elf_errmsg(-1)));
    ElfSection section{.name = text_at(name_bytes, header->sh_name),
                       .type = header->sh_type,
                       .flags = header->sh_flags,
                       .address = header->sh_addr,
                       .size = header->sh_size,
                       .offset = header->sh_offset,
                       .file_size = header->sh_type == SHT_NOBITS ? 0 : header->sh_size};
    if (section.file_size != 0 && !slice(bytes, section.offset, section.file_size)) {
      return wrong(fmt::format(
          "is cut short or damaged: section {} ({:#x} bytes at {:#x}) ends past the file's end at "
          "{:#x}",
          section.name, section.file_size, section.offset, bytes.size()));
    }
    sections.push_back(std::move(section));
  }
  return sections;
}

std::expected<std::vector<ElfSegment>, std::string> read_segments(Elf* elf, ByteView bytes) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return wrong(fmt::format("is damaged: {}", elf_errmsg(-1)));
  std::vector<ElfSegment> segments;
  const Elf32_Phdr* headers = count == 0 ? nullptr : elf32_getphdr(elf);
  if (count != 0 && headers == nullptr) return wrong(fmt::format("is damaged: {}", elf_errmsg(-1)));
  for (std::size_t index = 0; index < count; ++index) {
    const Elf32_Phdr header = *copy_of(headers + index);
    if (header.p_type != PT_LOAD) continue;
    if (!slice(bytes, header.p_offset, header.p_filesz)) {
      return wrong(fmt::format(
          "is cut short or damaged: segment {} ({:#x} bytes at {:#x}) ends past the file's end at "
          "{:#x}",
          index, header.p_filesz, header.p_offset, bytes.size()));
    }
    segments.push_back({.address = header.p_vaddr,
                        .load_address = header.p_paddr,
                        .offset = header.p_offset,
                        .file_size = header.p_filesz,
                        .memory_size = header.p_memsz,
                        .flags = header.p_flags});
  }
  return segments;
}

std::vector<ElfSymbol> read_symbols(Elf* elf) {
  std::vector<ElfSymbol> symbols;
  for (Elf_Scn* scn = elf_nextscn(elf, nullptr); scn != nullptr; scn = elf_nextscn(elf, scn)) {
    auto header = copy_of(elf32_getshdr(scn));
    if (!header || header->sh_type != SHT_SYMTAB) continue;
    ByteView table = view(elf_rawdata(scn, nullptr));
    Elf_Scn* name_scn = elf_getscn(elf, header->sh_link);
    ByteView names = name_scn == nullptr ? ByteView() : view(elf_rawdata(name_scn, nullptr));
    for (std::size_t offset = 0; offset + sizeof(Elf32_Sym) <= table.size(); offset += sizeof(Elf32_Sym)) {
      std::uint8_t info = table[offset + offsetof(Elf32_Sym, st_info)];
      std::uint8_t type = ELF32_ST_TYPE(info);
      std::uint16_t section = load16(table, offset + offsetof(Elf32_Sym, st_shndx));
      if (section == SHN_UNDEF || type == STT_SECTION || type == STT_FILE) continue;
      ElfSymbol symbol{.name = text_at(names, load32(table, offset + offsetof(Elf32_Sym, st_name))),
                       .address = load32(table, offset + offsetof(Elf32_Sym, st_value)),
                       .size = load32(table, offset + offsetof(Elf32_Sym, st_size)),
                       .kind = type == STT_FUNC     ? ElfSymbol::Kind::kFunction
                               : type == STT_OBJECT ? ElfSymbol::Kind::kObject
                                                    : ElfSymbol::Kind::kUntyped,
                       .global = ELF32_ST_BIND(info) != STB_LOCAL};
      if (!symbol.name.empty()) symbols.push_back(std::move(symbol));
    }
  }
  std::ranges::stable_sort(symbols, {}, &ElfSymbol::address);
  return symbols;
}

}  // namespace

bool ElfSection::allocated() const {
  return flags & SHF_ALLOC;
}
bool ElfSection::executable() const {
  return flags & SHF_EXECINSTR;
}

std::expected<ElfFile, std::string> ElfFile::load(const std::filesystem::path& path) {
  auto bytes = read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  auto file = parse(std::move(*bytes));
  if (!file) return wrong(fmt::format("{}: {}", path.string(), file.error()));
  return file;
}

std::expected<ElfFile, std::string> ElfFile::parse(Bytes bytes) {
  if (auto checked = check_header(bytes); !checked) return std::unexpected(checked.error());
  ElfFile file;
  file.bytes_ = std::move(bytes);
  file.entry_ = load32(file.bytes_, offsetof(Elf32_Ehdr, e_entry));
  elf_version(EV_CURRENT);
  ElfHandle elf(elf_memory(reinterpret_cast<char*>(file.bytes_.data()), file.bytes_.size()));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return wrong(fmt::format("is damaged: {}", elf_errmsg(-1)));
  auto sections = read_sections(elf.get(), file.bytes_);
  if (!sections) return std::unexpected(sections.error());
  auto segments = read_segments(elf.get(), file.bytes_);
  if (!segments) return std::unexpected(segments.error());
  file.sections_ = std::move(*sections);
  file.segments_ = std::move(*segments);
  file.symbols_ = read_symbols(elf.get());
  return file;
}

ByteView ElfFile::data(const ElfSection& section) const {
  return slice(bytes_, section.offset, section.file_size).value_or(ByteView());
}

ByteView ElfFile::data(const ElfSegment& segment) const {
  return slice(bytes_, segment.offset, segment.file_size).value_or(ByteView());
}

const ElfSection* ElfFile::section(std::string_view name) const {
  auto found = std::ranges::find(sections_, name, &ElfSection::name);
  return found == sections_.end() ? nullptr : &*found;
}

const ElfSymbol* ElfFile::find(std::string_view name) const {
  const ElfSymbol* local = nullptr;
  for (const ElfSymbol& symbol : symbols_) {
    if (symbol.name != name) continue;
    if (symbol.global) return &symbol;
    if (local == nullptr) local = &symbol;
  }
  return local;
}

const ElfSection* ElfFile::section_at(std::uint32_t address) const {
  for (const ElfSection& section : sections_) {
    if (section.allocated() && address >= section.address && address - section.address < section.size)
      return &section;
  }
  return nullptr;
}

const ElfSymbol* ElfFile::symbol_at(std::uint32_t address) const {
  const ElfSection* home = section_at(address);
  auto after = std::ranges::upper_bound(symbols_, address, {}, &ElfSymbol::address);
  const ElfSymbol* nearest =
      nullptr;  // the last function or object before the address that does not reach it
  const ElfSymbol* label = nullptr;
  for (auto it = after; it != symbols_.begin();) {
    --it;
    if (home != nullptr && it->address < home->address) break;
    if (it->kind == ElfSymbol::Kind::kUntyped) {
      if (label == nullptr) label = &*it;
      continue;
    }
    if (address - it->address < it->size || address == it->address) return &*it;
    if (nearest == nullptr) nearest = &*it;
    // A function that spans others is not a thing compilers emit; one step back is enough.
    break;
  }
  if (home == nullptr) return nullptr;
  return label != nullptr && (nearest == nullptr || label->address > nearest->address) ? label : nearest;
}

std::string ElfFile::describe(std::uint32_t address) const {
  const ElfSymbol* symbol = symbol_at(address);
  if (symbol == nullptr) return {};
  std::uint32_t past = address - symbol->address;
  return past == 0 ? symbol->name : fmt::format("{}+{:#x}", symbol->name, past);
}

}  // namespace espalier::image
