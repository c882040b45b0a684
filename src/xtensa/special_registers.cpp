// Source of the masks: Xtensa ISA Reference Manual, chapter 5; which registers exist: ESP-IDF
// components/xtensa/esp32/include/xtensa/config/specreg.h.
#include "xtensa/special_registers.h"

#include <array>

namespace espalier::xtensa {
namespace {

using R = SpecialRegister;

constexpr std::uint8_t kPlain = R::kRead | R::kWrite | R::kPlainRead | R::kPlainWrite;
constexpr std::uint8_t kStored = R::kRead | R::kWrite | R::kPlainRead;  // plain to read, a write has effects
constexpr std::uint8_t kComputed = R::kRead | R::kWrite;
constexpr std::uint32_t kAll = 0xffffffff;

#define AT(member) static_cast<std::uint16_t>(offsetof(State, member))
#define AT_INDEX(member, n) static_cast<std::uint16_t>(offsetof(State, member) + 4 * (n))

constexpr std::array kSpecialRegisters = {
    R{Sr::LBEG, kPlain | R::kUser, AT(lbeg), kAll},
    R{Sr::LEND, kStored | R::kUser, AT(lend), kAll},
    R{Sr::LCOUNT, kPlain | R::kUser, AT(lcount), kAll},
    R{Sr::SAR, kPlain | R::kUser, AT(sar), 0x3f},
    R{Sr::BR, kPlain | R::kUser, AT(br), 0xffff},
    R{Sr::SCOMPARE1, kPlain | R::kUser, AT(scompare1), kAll},
    R{Sr::ACCLO, kPlain | R::kUser, AT(acclo), kAll},
    R{Sr::ACCHI, kComputed | R::kPlainWrite | R::kUser, AT(acchi), 0xff},
    R{Sr::M0, kPlain | R::kUser, AT_INDEX(m, 0), kAll},
    R{Sr::M1, kPlain | R::kUser, AT_INDEX(m, 1), kAll},
    R{Sr::M2, kPlain | R::kUser, AT_INDEX(m, 2), kAll},
    R{Sr::M3, kPlain | R::kUser, AT_INDEX(m, 3), kAll},
    R{Sr::WINDOWBASE, kStored, AT(windowbase), 0xf},
    R{Sr::WINDOWSTART, kStored, AT(windowstart), 0xffff},
    R{Sr::IBREAKENABLE, kStored, AT(ibreakenable), 3},
    R{Sr::MEMCTL, kPlain, AT(memctl), kAll},
    R{Sr::ATOMCTL, kPlain, AT(atomctl), 0x3f},
    R{Sr::DDR, kPlain, AT(ddr), kAll},
    R{Sr::IBREAKA0, kStored, AT_INDEX(ibreaka, 0), kAll},
    R{Sr::IBREAKA1, kStored, AT_INDEX(ibreaka, 1), kAll},
    R{Sr::DBREAKA0, kPlain, AT_INDEX(dbreaka, 0), kAll},
    R{Sr::DBREAKA1, kPlain, AT_INDEX(dbreaka, 1), kAll},
    R{Sr::DBREAKC0, kStored, AT_INDEX(dbreakc, 0), 0xc000003f},
    R{Sr::DBREAKC1, kStored, AT_INDEX(dbreakc, 1), 0xc000003f},
    R{Sr::CONFIGID0, R::kRead, 0, 0},
    R{Sr::EPC1, kPlain, AT_INDEX(epc, 1), kAll},
    R{Sr::EPC2, kPlain, AT_INDEX(epc, 2), kAll},
    R{Sr::EPC3, kPlain, AT_INDEX(epc, 3), kAll},
    R{Sr::EPC4, kPlain, AT_INDEX(epc, 4), kAll},
    R{Sr::EPC5, kPlain, AT_INDEX(epc, 5), kAll},
    R{Sr::EPC6, kPlain, AT_INDEX(epc, 6), kAll},
    R{Sr::EPC7, kPlain, AT_INDEX(epc, 7), kAll},
    R{Sr::DEPC, kPlain, AT(depc), kAll},
    R{Sr::EPS2, kPlain, AT_INDEX(eps, 2), kPsWritable},
    R{Sr::EPS3, kPlain, AT_INDEX(eps, 3), kPsWritable},
    R{Sr::EPS4, kPlain, AT_INDEX(eps, 4), kPsWritable},
    R{Sr::EPS5, kPlain, AT_INDEX(eps, 5), kPsWritable},
    R{Sr::EPS6, kPlain, AT_INDEX(eps, 6), kPsWritable},
    R{Sr::EPS7, kPlain, AT_INDEX(eps, 7), kPsWritable},
    R{Sr::CONFIGID1, R::kRead, 0, 0},
    R{Sr::EXCSAVE1, kPlain, AT_INDEX(excsave, 1), kAll},
    R{Sr::EXCSAVE2, kPlain, AT_INDEX(excsave, 2), kAll},
    R{Sr::EXCSAVE3, kPlain, AT_INDEX(excsave, 3), kAll},
    R{Sr::EXCSAVE4, kPlain, AT_INDEX(excsave, 4), kAll},
    R{Sr::EXCSAVE5, kPlain, AT_INDEX(excsave, 5), kAll},
    R{Sr::EXCSAVE6, kPlain, AT_INDEX(excsave, 6), kAll},
    R{Sr::EXCSAVE7, kPlain, AT_INDEX(excsave, 7), kAll},
    R{Sr::CPENABLE, kStored, AT(cpenable), 0xff},
    R{Sr::INTERRUPT, kStored, AT(interrupt), kAll},  // written it is INTSET
    R{Sr::INTCLEAR, R::kWrite, 0, kAll},
    R{Sr::INTENABLE, kStored, AT(intenable), kAll},
    R{Sr::PS, kStored, AT(ps), kPsWritable},
    R{Sr::VECBASE, kPlain, AT(vecbase), 0xfffffc00},
    R{Sr::EXCCAUSE, kPlain, AT(exccause), 0x3f},
    R{Sr::DEBUGCAUSE, kPlain, AT(debugcause), 0xfff},
    R{Sr::CCOUNT, kComputed, 0, kAll},
    R{Sr::PRID, R::kRead, 0, 0},
    R{Sr::ICOUNT, kStored, AT(icount), kAll},
    R{Sr::ICOUNTLEVEL, kStored, AT(icountlevel), 0xf},
    R{Sr::EXCVADDR, kPlain, AT(excvaddr), kAll},
    R{Sr::CCOMPARE0, kStored, AT_INDEX(ccompare, 0), kAll},
    R{Sr::CCOMPARE1, kStored, AT_INDEX(ccompare, 1), kAll},
    R{Sr::CCOMPARE2, kStored, AT_INDEX(ccompare, 2), kAll},
    R{Sr::MISC0, kPlain, AT_INDEX(misc, 0), kAll},
    R{Sr::MISC1, kPlain, AT_INDEX(misc, 1), kAll},
    R{Sr::MISC2, kPlain, AT_INDEX(misc, 2), kAll},
    R{Sr::MISC3, kPlain, AT_INDEX(misc, 3), kAll},
};

constexpr std::array kUserRegisters = {
    UserRegister{Ur::EXPSTATE, false, AT(expstate), kAll},
    UserRegister{Ur::THREADPTR, false, AT(threadptr), kAll},
    UserRegister{Ur::FCR, true, AT(fcr), 0x7f},
    UserRegister{Ur::FSR, true, AT(fsr), 0xf80},
    UserRegister{Ur::F64R_LO, false, AT(f64r_lo), kAll},
    UserRegister{Ur::F64R_HI, false, AT(f64r_hi), kAll},
    UserRegister{Ur::F64S, false, AT(f64s), kAll},
};

#undef AT
#undef AT_INDEX

// Row number + 1 by register number; 0: none.
constexpr std::array<std::uint8_t, 256> kRows = [] {
  std::array<std::uint8_t, 256> rows{};
  for (std::size_t i = 0; i < kSpecialRegisters.size(); ++i) {
    rows[static_cast<std::uint8_t>(kSpecialRegisters[i].number)] = static_cast<std::uint8_t>(i + 1);
  }
  return rows;
}();

}  // namespace

const SpecialRegister* find_special_register(std::uint32_t number) {
  const unsigned row = number < kRows.size() ? kRows[number] : 0;
  return row == 0 ? nullptr : &kSpecialRegisters[row - 1];
}

const UserRegister* find_user_register(std::uint32_t number) {
  for (const UserRegister& row : kUserRegisters) {
    if (static_cast<std::uint32_t>(row.number) == number) return &row;
  }
  return nullptr;
}

std::uint32_t Core::read_special(Sr sr) {
  switch (sr) {
    case Sr::ACCHI:
      return static_cast<std::uint32_t>(static_cast<std::int32_t>(state_.acchi << 24) >> 24);
    case Sr::CCOUNT:
      return static_cast<std::uint32_t>(environment_.cycles(*this)) + state_.ccount_offset;
    case Sr::PRID:
      return prid_;
    case Sr::CONFIGID0:
      return kConfigId0;
    case Sr::CONFIGID1:
      return kConfigId1;
    default: {
      const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(sr));
      return row != nullptr && (row->access & R::kPlainRead) != 0 ? state_word(state_, row->offset) : 0;
    }
  }
}

void Core::write_special(Sr sr, std::uint32_t value) {
  const SpecialRegister* row = find_special_register(static_cast<std::uint32_t>(sr));
  if (row == nullptr || (row->access & R::kWrite) == 0) return;
  switch (sr) {
    case Sr::WINDOWBASE:
      rotate_to(value);
      return;
    case Sr::CCOUNT:
      state_.ccount_offset = value - static_cast<std::uint32_t>(environment_.cycles(*this));
      for (unsigned n = 0; n < state_.ccompare.size(); ++n) environment_.compare_changed(*this, n);
      return;
    case Sr::CCOMPARE0:
    case Sr::CCOMPARE1:
    case Sr::CCOMPARE2: {
      const unsigned n = static_cast<unsigned>(sr) - static_cast<unsigned>(Sr::CCOMPARE0);
      state_.ccompare[n] = value;
      state_.interrupt &= ~(1u << kTimerInterrupt[n]);
      // In realtime CCOUNT may stand still from here to the guest's next look, which finds them equal.
      if (value == read_special(Sr::CCOUNT)) timer_match(n);
      environment_.compare_changed(*this, n);
      return;
    }
    case Sr::INTERRUPT:
      state_.interrupt |= value & kSettableInterrupts;
      interrupts_changed();
      return;
    case Sr::INTCLEAR:
      state_.interrupt &= ~(value & kClearableInterrupts);
      return;
    case Sr::INTENABLE:
    case Sr::PS:
      state_word(state_, row->offset) = value & row->write_mask;
      interrupts_changed();
      return;
    case Sr::IBREAKENABLE:
    case Sr::IBREAKA0:
    case Sr::IBREAKA1:
    case Sr::DBREAKC0:
    case Sr::DBREAKC1: {
      // Decoded code has the checks for breakpoints built in.
      const bool watched = watching_data();
      const std::uint32_t breakpoints = state_.ibreakenable;
      state_word(state_, row->offset) = value & row->write_mask;
      if ((breakpoints | state_.ibreakenable) != 0 || watched != watching_data()) invalidate_all_code();
      return;
    }
    default:
      state_word(state_, row->offset) = value & row->write_mask;
      return;
  }
}

}  // namespace espalier::xtensa
