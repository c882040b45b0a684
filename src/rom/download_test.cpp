// The ROM's download mode, spoken to as a flashing tool does (esptool's documentation, "Serial Protocol").
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <optional>
#include <random>

#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::RomMachine;

constexpr std::uint32_t GPIO_STRAP_REG = 0x3ff44038, UART_CLKDIV_REG = 0x3ff40014;
constexpr std::uint32_t UART_AUTOBAUD_REG = 0x3ff40018, UART_LOWPULSE_REG = 0x3ff40028;
constexpr std::uint32_t UART_HIGHPULSE_REG = 0x3ff4002c, UART_RXD_CNT_REG = 0x3ff40030;
constexpr std::uint32_t RTC_CNTL_OPTIONS0_REG = 0x3ff48000, kSystemReset = 1u << 31;
constexpr std::uint32_t kBuffer = 0x3ffd0000;  // nothing of the ROM's
enum Operation : std::uint8_t {
  kFlashBegin = 2,
  kFlashData,
  kFlashEnd,
  kMemBegin,
  kMemEnd,
  kMemData,
  kSync,
  kWriteReg,
  kReadReg,
  kSpiSetParams,
  kSpiAttach = 0xd,
  kReadFlash,
  kChangeBaudrate,
  kDeflBegin,
  kDeflData,
  kDeflEnd,
  kFlashMd5
};
constexpr std::uint8_t kInvalid = 5, kFailed = 6, kBadChecksum = 7, kTooLong = 10, kInflateFailed = 11;

std::string words(std::initializer_list<std::uint32_t> values) {
  std::string bytes;
  for (const std::uint32_t value : values)
    for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}
std::string frame(std::string_view bytes) {
  std::string framed = "\xc0";
  for (const char c : bytes) {
    if (c == '\xc0')
      framed += "\xdb\xdc";
    else if (c == '\xdb')
      framed += "\xdb\xdd";
    else
      framed += c;
  }
  return framed + "\xc0";
}

struct Answer {
  std::uint8_t operation = 0;
  std::uint32_t value = 0;
  std::string data;  // before the status
  std::uint8_t failed = 0, error = 0;
};

class Download : public ::testing::Test {
 protected:
  Download() : Download(0x03, "waiting for download\r\n") {}
  Download(std::uint32_t strapping, std::string_view greeting) {
    machine_.registers[GPIO_STRAP_REG] = strapping;
    machine_.boot(greeting);
    machine_.console.clear();
  }

  // What the ROM sends next; nothing if it does not within a while.
  std::optional<std::string> receive() {
    for (unsigned turn = 0; turn < 20'000; ++turn) {
      auto& line = machine_.console;
      const std::size_t start = line.find_first_not_of('\xc0');
      const std::size_t end = start == line.npos ? line.npos : line.find('\xc0', start);
      if (end != line.npos) {
        std::string bytes;
        for (std::size_t i = start; i < end; ++i) {
          if (line[i] == '\xdb')
            bytes += line[++i] == '\xdc' ? '\xc0' : '\xdb';
          else
            bytes += line[i];
        }
        line.erase(0, end + 1);
        return bytes;
      }
      machine_.core().run(1000);
    }
    return {};
  }
  void send(std::uint8_t operation, const std::string& data, std::uint32_t checksum = 0) {
    std::string packet = {'\0', static_cast<char>(operation), static_cast<char>(data.size()),
                          static_cast<char>(data.size() >> 8)};
    machine_.type(frame(packet + words({checksum}) + data));
  }
  Answer answer() {
    const auto bytes = receive();
    if (!bytes || bytes->size() < 12) throw std::runtime_error("there is no answer");
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>((*bytes)[i]); };
    EXPECT_EQ(byte(0), 1);
    EXPECT_EQ(byte(2) | byte(3) << 8, bytes->size() - 8);
    const std::size_t status = bytes->size() - 4;
    return {byte(1),
            static_cast<std::uint32_t>(byte(4) | byte(5) << 8 | byte(6) << 16) | std::uint32_t{byte(7)} << 24,
            bytes->substr(8, status - 8), byte(status), byte(status + 1)};
  }
  Answer ask(std::uint8_t operation, const std::string& data, std::uint32_t checksum = 0) {
    send(operation, data, checksum);
    Answer a = answer();
    EXPECT_EQ(a.operation, operation);
    return a;
  }
  static constexpr std::uint8_t kOk = 0;
  std::uint8_t error_of(std::uint8_t operation, const std::string& data, std::uint32_t checksum = 0) {
    const Answer a = ask(operation, data, checksum);
    EXPECT_EQ(a.failed, a.error != 0);
    return a.error;
  }
  // A packet with a block of data in it.
  std::uint8_t block(std::uint8_t operation, std::uint32_t number, const std::string& data,
                     std::uint8_t damage = 0) {
    std::uint8_t sum = 0xef;
    for (const char c : data) sum ^= static_cast<std::uint8_t>(c);
    return error_of(operation, words({static_cast<std::uint32_t>(data.size()), number, 0, 0}) + data,
                    sum ^ damage);
  }

  // The line's rate as UART0 has measured it: the ROM listens only once it knows.
  void know_baud_rate() {
    machine_.registers[UART_LOWPULSE_REG] = 338;  // 115,200 baud at 40 MHz; a glitch filter takes its part
    machine_.registers[UART_HIGHPULSE_REG] = 338;
    machine_.registers[UART_RXD_CNT_REG] = 200;
  }
  static std::string sync() { return "\x07\x07\x12\x20" + std::string(32, 'U'); }
  void connect() {
    know_baud_rate();
    send(kSync, sync());
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(answer().operation, kSync);
  }
  void attach_flash() {
    EXPECT_EQ(error_of(kSpiAttach, words({0, 0})), kOk);
    EXPECT_EQ(error_of(kSpiSetParams, words({0, 4 << 20, 1 << 16, 1 << 12, 256, 0xffff})), kOk);
  }
  std::string flash(std::uint32_t address, std::size_t size) {
    return {machine_.flash.begin() + address,
            machine_.flash.begin() + address + static_cast<std::ptrdiff_t>(size)};
  }
  static std::string noise(std::size_t size) {
    std::mt19937 random(5);
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
  }

  static const Rom& rom() {
    static const Rom rom;
    return rom;
  }
  RomMachine machine_{rom()};
};

TEST_F(Download, IsSilentUntilSpokenTo) {
  machine_.core().run(1'000'000);
  EXPECT_EQ(machine_.console, "");
  EXPECT_EQ(machine_.core().run(1000), xtensa::Stop::kWaiti);  // it does not spin
}

// What comes before the rate is known only serves to measure it.
TEST_F(Download, FindsTheBaudRateFirst) {
  machine_.registers[UART_RXD_CNT_REG] = 100;
  send(kSync, sync());
  EXPECT_EQ(receive(), std::nullopt);
  EXPECT_EQ(machine_.registers[UART_AUTOBAUD_REG], 0x401);
  know_baud_rate();
  machine_.registers[UART_CLKDIV_REG] = 0;
  machine_.type("U");
  send(kSync, sync());
  EXPECT_EQ(answer().operation, kSync);
  const std::uint32_t divider = machine_.registers[UART_CLKDIV_REG];
  EXPECT_NEAR((divider & 0xfffff) * 16 + (divider >> 20), 40'000'000 * 16 / 115200, 10);
  EXPECT_EQ(machine_.registers[UART_AUTOBAUD_REG] & 1, 0);
}

TEST_F(Download, AnswersEachSyncEightTimes) {
  know_baud_rate();
  send(kSync, sync());
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(answer().value, 0x20120707);
  EXPECT_EQ(receive(), std::nullopt);
  send(kSync, sync());
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(answer().error, kOk);
  EXPECT_EQ(receive(), std::nullopt);
}

TEST_F(Download, NothingElseConnects) {
  know_baud_rate();
  send(kReadReg, words({0x40001000}));
  machine_.type(frame("garbage"));
  EXPECT_EQ(receive(), std::nullopt);
  connect();
}

// Strapping 0x0f, which QEMU's users know: UART0 alone, and once the rate is known nothing has to be said
// first.
class UartBoot : public Download {
 protected:
  UartBoot() : Download(0x0f, "UART_BOOT(UART0))\r\n") {}
};
TEST_F(UartBoot, NeedsNoSync) {
  machine_.core().run(1'000'000);
  EXPECT_EQ(machine_.console, "");
  EXPECT_EQ(machine_.core().run(1000), xtensa::Stop::kWaiti);  // it does not spin
  know_baud_rate();
  machine_.type("\xc0");
  EXPECT_EQ(ask(kReadReg, words({0x40001000})).value, 0x00f01d83);
  connect();
}
TEST_F(UartBoot, RunsWhatWasLoaded) {
  connect();
  constexpr std::uint32_t kEntry = 0x40090000;
  const auto program = xtensa::testing::assemble("entry a1, 32; here: j here; .align 4", kEntry);
  const std::string code(program.bytes.begin(), program.bytes.end());
  EXPECT_EQ(error_of(kMemBegin, words({static_cast<std::uint32_t>(code.size()), 1, 0x100, kEntry})), kOk);
  EXPECT_EQ(block(kMemData, 0, code), kOk);
  EXPECT_EQ(error_of(kMemEnd, words({0, kEntry})), kOk);
  machine_.core().run(10'000);
  EXPECT_EQ(machine_.core().state().pc, kEntry + 3);
}
// "Run" of a tool that has loaded nothing: the flash boots, in the old way.
TEST_F(UartBoot, BootsTheFlashInTheEnd) {
  connect();
  attach_flash();
  EXPECT_EQ(error_of(kFlashBegin, words({0, 0, 0x400, 0})), kOk);
  EXPECT_EQ(error_of(kFlashEnd, words({1})), kOk);
  machine_.core().run(1'000'000);
  EXPECT_NE(machine_.console.find("flash read err, 631\r\n"), std::string::npos) << machine_.console;
}

// What esptool and esptool-js ask a later chip: the ESP32's ROM answers as if the SYNC before were meant,
// eight times.
TEST_F(UartBoot, AnswersAnUnknownOperationAsTheLastOne) {
  constexpr std::uint8_t kGetSecurityInfo = 0x14;
  connect();
  send(kGetSecurityInfo, "");
  for (unsigned i = 0; i < 8; ++i) {
    const Answer a = answer();
    EXPECT_EQ(a.operation, kSync);
    EXPECT_EQ(a.value, 0x20120707);
    EXPECT_EQ(a.failed, 1);
    EXPECT_EQ(a.error, kInvalid);
  }
  EXPECT_EQ(receive(), std::nullopt);
  EXPECT_EQ(ask(kReadReg, words({0x40001000})).value, 0x00f01d83);
  send(kGetSecurityInfo, "");
  const Answer a = answer();
  EXPECT_EQ(a.operation, kReadReg);
  EXPECT_EQ(a.value, 0x00f01d83);
  EXPECT_EQ(a.error, kInvalid);
  EXPECT_EQ(receive(), std::nullopt);
}

TEST_F(Download, ReadsAndWritesRegisters) {
  connect();
  machine_.registers[0x3ff5a00c] = 0x12c0db34;  // both of SLIP's special bytes
  EXPECT_EQ(ask(kReadReg, words({0x3ff5a00c})).value, 0x12c0db34);
  EXPECT_EQ(error_of(kWriteReg, words({kBuffer, 0x11223344, 0xffffffff, 0})), kOk);
  EXPECT_EQ(machine_.read32(kBuffer), 0x11223344);
  EXPECT_EQ(error_of(kWriteReg, words({kBuffer, 0xffffffff, 0x00ff00ff, 3, kBuffer + 4, 7, 0xffffffff, 0})),
            kOk);
  EXPECT_EQ(machine_.read32(kBuffer), 0x11ff33ff);
  EXPECT_EQ(machine_.read32(kBuffer + 4), 7);
}

// esptool recognises the chip by this word.
TEST_F(Download, SaysThatItIsAnEsp32) {
  connect();
  EXPECT_EQ(ask(kReadReg, words({0x40001000})).value, 0x00f01d83);
}

TEST_F(Download, LoadsMemoryAndRunsIt) {
  connect();
  const std::string data = noise(0x1800 + 100);
  EXPECT_EQ(error_of(kMemBegin, words({static_cast<std::uint32_t>(data.size()), 2, 0x1800, kBuffer})), kOk);
  EXPECT_EQ(block(kMemData, 0, data.substr(0, 0x1800)), kOk);
  EXPECT_EQ(block(kMemData, 1, data.substr(0x1800)), kOk);
  EXPECT_EQ(machine_.bytes(kBuffer, static_cast<std::uint32_t>(data.size())), data);
  EXPECT_EQ(error_of(kMemEnd, words({1, 0})), kOk);  // stay

  constexpr std::uint32_t kEntry = 0x40090000;
  const auto program = xtensa::testing::assemble("entry a1, 32; here: j here; .align 4", kEntry);
  const std::string code(program.bytes.begin(), program.bytes.end());
  EXPECT_EQ(error_of(kMemBegin, words({static_cast<std::uint32_t>(code.size()), 1, 0x100, kEntry})), kOk);
  EXPECT_EQ(block(kMemData, 0, code), kOk);
  EXPECT_EQ(error_of(kMemEnd, words({0, kEntry})), kOk);
  machine_.core().run(10'000);
  EXPECT_EQ(machine_.core().state().pc, kEntry + 3);
}

TEST_F(Download, WritesFlash) {
  connect();
  attach_flash();
  std::fill_n(machine_.flash.begin() + 0x10000, 0x3000, 0);
  const std::string data = noise(0x900);
  EXPECT_EQ(error_of(kFlashBegin, words({0x900, 3, 0x400, 0x10000})), kOk);
  EXPECT_EQ(flash(0x10000, 0x1000), std::string(0x1000, '\xff'));
  EXPECT_EQ(flash(0x11000, 1), std::string(1, '\0'));  // erased no further than asked for
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(block(kFlashData, i, data.substr(0x400 * i, 0x400)), kOk);
  EXPECT_EQ(flash(0x10000, 0x900), data);
  EXPECT_EQ(ask(kReadFlash, words({0x10010, 64})).data, data.substr(0x10, 64));
  machine_.registers[RTC_CNTL_OPTIONS0_REG] = 0;
  EXPECT_EQ(error_of(kFlashEnd, words({0})), kOk);  // restart
  machine_.core().run(10'000);
  EXPECT_EQ(machine_.registers[RTC_CNTL_OPTIONS0_REG] & kSystemReset, kSystemReset);
}

TEST_F(Download, FlashEndMayLeaveWithoutARestart) {
  connect();
  attach_flash();
  EXPECT_EQ(error_of(kFlashBegin, words({0, 0, 0x400, 0})), kOk);
  EXPECT_EQ(error_of(kFlashEnd, words({1})), kOk);
  machine_.core().run(100'000);
  EXPECT_EQ(machine_.registers[RTC_CNTL_OPTIONS0_REG] & kSystemReset, 0);
  EXPECT_NE(machine_.console.find("user code done\r\n"), std::string::npos);  // there was none
}

TEST_F(Download, Md5OfFlash) {
  connect();
  attach_flash();
  const std::string data = noise(1000);
  std::copy(data.begin(), data.end(), machine_.flash.begin() + 0x2000);
  for (const std::size_t size : {0, 1, 128, 999}) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_Digest(data.data(), size, digest, nullptr, EVP_md5(), nullptr);
    std::string digits;
    for (unsigned i = 0; i < 16; ++i) digits += fmt::format("{:02x}", digest[i]);
    EXPECT_EQ(ask(kFlashMd5, words({0x2000, static_cast<std::uint32_t>(size), 0, 0})).data, digits) << size;
  }
}

TEST_F(Download, ChangesTheBaudRate) {
  connect();
  machine_.registers[UART_CLKDIV_REG] = 0;
  EXPECT_EQ(error_of(kChangeBaudrate, words({921600, 0})), kOk);
  machine_.core().run(10'000);
  const std::uint32_t divider = machine_.registers[UART_CLKDIV_REG];
  EXPECT_NEAR((divider & 0xfffff) * 16 + (divider >> 20), 40'000'000 * 16 / 921600, 2);
  EXPECT_EQ(ask(kReadReg, words({0x40001000})).value, 0x00f01d83);
}

// 70,001 bytes: the window of 32 KiB goes round twice, and the last piece is no whole number of words.
TEST_F(Download, WritesCompressedFlash) {
  connect();
  attach_flash();
  std::string data;
  for (unsigned i = 0; data.size() < 70'001; ++i) data += fmt::format("line {} of {}\n", i, i * i % 977);
  data.resize(70'001);
  RomMachine compressor(rom());
  constexpr std::uint32_t kState = 0x3ffcc000, kIn = 0x3ffb0000, kOut = 0x3ffbc000, kSizes = 0x3ffaf000;
  std::string packed;
  compressor.call("tdefl_init", {kState, 0, 0, 0x1000 | 64});
  for (std::string left = data; !left.empty();) {
    compressor.put(left.substr(0, 0x8000), kIn);
    compressor.put_words({static_cast<std::uint32_t>(std::min<std::size_t>(left.size(), 0x8000)), 0x8000},
                         kSizes);
    compressor.call("tdefl_compress",
                    {kState, kIn, kSizes, kOut, kSizes + 4, left.size() <= 0x8000 ? 4u : 0u});
    left.erase(0, compressor.read32(kSizes));
    packed += compressor.bytes(kOut, compressor.read32(kSizes + 4));
  }
  const auto blocks = static_cast<std::uint32_t>((packed.size() + 0x3ff) / 0x400);
  ASSERT_GT(blocks, 5);
  EXPECT_EQ(error_of(kDeflBegin, words({70'001, blocks, 0x400, 0x20000})), kOk);
  for (std::uint32_t i = 0; i < blocks; ++i)
    EXPECT_EQ(block(kDeflData, i, packed.substr(0x400 * i, 0x400)), kOk);
  EXPECT_EQ(flash(0x20000, data.size()), data);
  EXPECT_EQ(flash(0x20000 + data.size(), 1000), std::string(1000, '\xff'));
  EXPECT_EQ(error_of(kDeflEnd, words({0})), kOk);
  machine_.core().run(10'000);
  EXPECT_EQ(machine_.registers[RTC_CNTL_OPTIONS0_REG] & kSystemReset, kSystemReset);
}

// TX_DONE was cleared first and then waited for to read as clear. Where the last character's end came
// between, as on a busy host, that never did: a chip that was told to reset stood still, one connection of
// nine.
TEST_F(Download, WaitsForTheEndOfTheLastCharacterHoweverLateItLooks) {
  constexpr std::uint32_t UART_INT_RAW_REG = 0x3ff40004, UART_STATUS_REG = 0x3ff4001c;
  constexpr std::uint32_t kTxDone = 1u << 14;
  // What TXFIFO_CNT and ST_UTX_OUT show at one look after another.
  std::vector<std::uint32_t> shows = {2u << 16 | 1u << 24, 1u << 16 | 9u << 24, 3u << 24, 11u << 24, 0};
  std::size_t looks = 0;
  machine_.on_read = [&](std::uint32_t address, std::uint32_t& value) {
    if (address == UART_INT_RAW_REG) value = kTxDone;
    if (address == UART_STATUS_REG) value = shows[std::min(looks++, shows.size() - 1)];
    return address == UART_INT_RAW_REG || address == UART_STATUS_REG;
  };
  machine_.call_limit = 10'000;
  machine_.call("uart_tx_wait_idle", {0});
  EXPECT_EQ(looks, shows.size());
}

TEST_F(Download, Refusals) {
  connect();
  attach_flash();
  // Unknown operations, and packets of a length that is none.
  send(0x14, "");
  EXPECT_EQ(answer().error, kInvalid);
  EXPECT_EQ(error_of(kMemBegin, words({1, 2, 3})), kInvalid);
  EXPECT_EQ(error_of(kFlashBegin, words({0x400, 1, 0x1804, 0})), kInvalid);
  EXPECT_EQ(error_of(kMemEnd, words({0, 0, 0})), kInvalid);
  EXPECT_EQ(error_of(kSpiSetParams, words({0, 0})), kInvalid);
  EXPECT_EQ(error_of(kReadFlash, words({0, 65})), kTooLong);
  // Blocks out of turn, too long, damaged, of no whole number of words.
  EXPECT_EQ(error_of(kFlashBegin, words({0x800, 2, 0x400, 0x30000})), kOk);
  EXPECT_EQ(block(kFlashData, 1, std::string(0x400, 'x')), kInvalid);
  EXPECT_EQ(block(kFlashData, 0, std::string(0x404, 'x')), kInvalid);
  EXPECT_EQ(block(kFlashData, 0, std::string(0x3ff, 'x')), kInvalid);
  EXPECT_EQ(block(kFlashData, 0, std::string(0x400, 'x'), 1), kBadChecksum);
  EXPECT_EQ(flash(0x30000, 0x400), std::string(0x400, '\xff'));
  EXPECT_EQ(block(kFlashData, 0, std::string(0x400, 'x')), kOk);
  // What is no compressed data.
  EXPECT_EQ(error_of(kDeflBegin, words({0x400, 1, 0x400, 0x30000})), kOk);
  EXPECT_EQ(block(kDeflData, 0, std::string(16, '\xff')), kInflateFailed);
  // An end before all has come ends the session too.
  EXPECT_EQ(error_of(kFlashEnd, words({0})), kFailed);
  machine_.core().run(100'000);
  EXPECT_EQ(machine_.registers[RTC_CNTL_OPTIONS0_REG] & kSystemReset, 0);
}

}  // namespace
}  // namespace espalier::rom
