#include "image/elf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_elf;
using test::TestElfSection;
using testing::HasSubstr;

Bytes program() {
  return make_elf(
      {{.name = ".text", .address = 0x40080000, .data = Bytes(0x40, 1), .flags = SHF_ALLOC | SHF_EXECINSTR},
       {.name = ".data", .address = 0x3ffb0000, .data = {1, 2, 3, 4}},
       {.name = ".bss", .address = 0x3ffb0004, .type = SHT_NOBITS, .bss_size = 0x100},
       {.name = ".comment", .data = test::bytes_of("made by hand"), .flags = 0}},
      {{.name = "main", .value = 0x40080010, .size = 0x10},
       {.name = "start", .value = 0x40080000, .type = STT_NOTYPE},
       {.name = "loop", .value = 0x40080018, .type = STT_NOTYPE, .binding = STB_LOCAL},
       {.name = "last", .value = 0x40080020, .size = 0},
       {.name = "twice", .value = 0x40080030, .binding = STB_LOCAL},
       {.name = "twice", .value = 0x40080034},
       {.name = "counter", .value = 0x3ffb0004, .size = 4, .type = STT_OBJECT, .section = 3},
       {.name = "file.c", .type = STT_FILE, .binding = STB_LOCAL, .section = SHN_ABS},
       {.name = "extern", .section = SHN_UNDEF}},
      {{0x40080000, 0x400a0000, Bytes(8, 9)}}, 0x40080123);
}

TEST(Elf, ReadsSectionsSegmentsAndEntry) {
  auto elf = ElfFile::parse(program());
  ASSERT_TRUE(elf) << elf.error();
  EXPECT_EQ(elf->entry(), 0x40080123u);
  const ElfSection* text = elf->section(".text");
  ASSERT_NE(text, nullptr);
  EXPECT_TRUE(text->allocated() && text->executable());
  EXPECT_EQ(elf->data(*text).size(), 0x40u);
  const ElfSection* bss = elf->section(".bss");
  ASSERT_NE(bss, nullptr);
  EXPECT_EQ(bss->size, 0x100u);
  EXPECT_TRUE(elf->data(*bss).empty());
  EXPECT_FALSE(elf->section(".comment")->allocated());
  ASSERT_EQ(elf->segments().size(), 1u);
  EXPECT_EQ(elf->segments()[0].load_address, 0x400a0000u);
  EXPECT_EQ(elf->data(elf->segments()[0]).front(), 9);
}

TEST(Elf, FindsSymbolsByName) {
  auto elf = ElfFile::parse(program());
  ASSERT_TRUE(elf);
  ASSERT_NE(elf->find("main"), nullptr);
  EXPECT_EQ(elf->find("main")->address, 0x40080010u);
  EXPECT_EQ(elf->find("counter")->kind, ElfSymbol::Kind::kObject);
  EXPECT_EQ(elf->find("twice")->address, 0x40080034u) << "the global one";
  EXPECT_EQ(elf->find("extern"), nullptr);
  EXPECT_EQ(elf->find("file.c"), nullptr);
  EXPECT_EQ(elf->symbols().size(), 7u);
}

TEST(Elf, DescribesAddresses) {
  auto elf = ElfFile::parse(program());
  ASSERT_TRUE(elf);
  EXPECT_EQ(elf->describe(0x40080010), "main");
  EXPECT_EQ(elf->describe(0x4008001c), "main+0xc") << "the function, not the label in it";
  EXPECT_EQ(elf->describe(0x40080004), "start+0x4");
  EXPECT_EQ(elf->describe(0x40080028), "last+0x8") << "a function without a size reaches up to the next one";
  EXPECT_EQ(elf->describe(0x3ffb0006), "counter+0x2");
  EXPECT_EQ(elf->describe(0x3ffb0001), "") << "nothing before it in its section";
  EXPECT_EQ(elf->describe(0x40090000), "");
}

TEST(Elf, RefusesOtherFiles) {
  EXPECT_THAT(ElfFile::parse({}).error(), HasSubstr("no ELF file"));
  EXPECT_THAT(ElfFile::parse(test::bytes_of("#!/bin/sh")).error(), HasSubstr("no ELF file"));
  Bytes riscv = program();
  riscv[offsetof(Elf32_Ehdr, e_machine)] = EM_RISCV;
  EXPECT_THAT(ElfFile::parse(riscv).error(), HasSubstr("RISC-V"));
  Bytes wide = program();
  wide[EI_CLASS] = ELFCLASS64;
  EXPECT_THAT(ElfFile::parse(wide).error(), HasSubstr("32-bit"));
  Bytes object = program();
  object[offsetof(Elf32_Ehdr, e_type)] = ET_REL;
  EXPECT_THAT(ElfFile::parse(object).error(), HasSubstr("no linked program"));
  EXPECT_THAT(ElfFile::load("/nonexistent.elf").error(), HasSubstr("/nonexistent.elf: No such file"));
}

TEST(Elf, TruncationsAndFlippedBytesAreNeverReadPastTheEnd) {
  Bytes whole = program();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto elf = ElfFile::parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_FALSE(elf) << "the section headers are at the end: " << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (std::uint8_t value : {0x00, 0x7f, 0xff}) {
      Bytes changed = whole;
      changed[at] = value;
      auto elf = ElfFile::parse(std::move(changed));
      if (!elf) continue;
      for (const ElfSection& section : elf->sections()) EXPECT_LE(elf->data(section).size(), whole.size());
    }
  }
}

}  // namespace
}  // namespace espalier::image
