#include "xtensa/testing/program_generator.h"

#include <algorithm>
#include <iterator>

#include "xtensa/testing/initial_state.h"
#include "xtensa/testing/memory_statements.h"
#include "xtensa/testing/program_builder.h"
#include "xtensa/testing/system_statements.h"

namespace espalier::xtensa::testing {
namespace {

constexpr unsigned kStack = 1, kPointer = 2, kCounter = 3;  // a1, a2, a3 in functions and the main program

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : b_(seed), random_(b_.random) {}

  RandomProgram structured();
  RandomProgram soup(bool bytes);

 private:
  using Statement = void (Generator::*)(unsigned depth);

  void statements(unsigned count, unsigned depth);
  void statement(unsigned depth);
  // One a kind of statement. `depth` is how deep it is nested.
  void compute(unsigned depth);
  void access_memory(unsigned) { memory_statement(b_); }
  void float_setup(unsigned) { float_statement(b_); }
  void skip(unsigned depth);
  void counted_loop(unsigned depth);
  void hardware_loop(unsigned depth);
  void jump(unsigned depth);
  void jump_table(unsigned depth);
  void call(unsigned depth);
  void change_code(unsigned depth);
  void system(unsigned depth);
  void special_access(unsigned depth);

  void branch_to(Label label, std::int32_t offset = 0);
  void functions();
  void function(std::size_t index);
  void leaf_function(std::size_t index);
  void leaf_statement();
  void plain_function(std::size_t index);
  void call_function(Label callee, unsigned levels);
  void natives();

  ProgramBuilder b_;
  Random& random_;
  std::vector<Label> windowed_, plain_;
  std::vector<std::size_t> patchable_;  // code items that a toggle may change
  bool calls_allowed_ = true;
  bool inside_function_ = false;
  unsigned room_ = 0;  // statements that may still be made
};

void Generator::statements(unsigned count, unsigned depth) {
  for (unsigned i = 0; i < count; ++i) statement(depth);
}

void Generator::statement(unsigned depth) {
  struct Row {
    unsigned weight;
    Statement make;
  };
  static constexpr Row kRows[] = {
      {46, &Generator::compute},    {20, &Generator::access_memory}, {2, &Generator::float_setup},
      {7, &Generator::skip},        {3, &Generator::counted_loop},   {4, &Generator::hardware_loop},
      {1, &Generator::jump},        {1, &Generator::jump_table},     {5, &Generator::call},
      {2, &Generator::change_code}, {3, &Generator::system},         {4, &Generator::special_access},
  };
  if (room_ == 0) return compute(depth);
  --room_;
  std::array<unsigned, std::size(kRows)> weights{};
  std::ranges::transform(kRows, weights.begin(), &Row::weight);
  (this->*kRows[random_.weighted(weights)].make)(depth);
}

void Generator::compute(unsigned) {
  static constexpr std::pair<unsigned, Group> kGroups[] = {
      {50, Group::kInteger}, {3, Group::kDivide}, {9, Group::kMac},   {20, Group::kFp},
      {6, Group::kBoolean},  {1, Group::kDouble}, {3, Group::kState}, {4, Group::kNothing},
  };
  std::array<unsigned, std::size(kGroups)> weights{};
  std::ranges::transform(kGroups, weights.begin(), [](const auto& row) { return row.first; });
  const Group group = kGroups[random_.weighted(weights)].second;
  if (group == Group::kDivide && random_.chance(80)) {
    // A divisor that is not 0.
    const unsigned divisor = b_.temporary();
    b_.emit(Op::MOVI, {divisor, random_.pick({-1, 1, 3, 7, -5, 1000})});
    const Op op = random_.pick(ops_of(group));
    b_.emit_word(with_register(random_word(random_, op, b_.registers()), Place::kT, divisor), 3);
    return;
  }
  patchable_.push_back(b_.code_size());
  b_.emit_random(random_.pick(ops_of(group)), b_.registers());
}

void Generator::branch_to(Label label, std::int32_t offset) {
  const Op op = random_.pick(ops_of(Group::kBranch));
  const auto operands = operands_of(random_word(random_, op, b_.registers()));
  b_.emit_to(op, {operands[0], operands[1], operands[2]}, label, offset);
}

// Over some statements, or into the middle of an instruction behind them.
void Generator::skip(unsigned depth) {
  const Label behind = b_.program.new_label();
  branch_to(behind, random_.chance(3) ? static_cast<std::int32_t>(random_.between(1, 2)) : 0);
  statements(random_.between(1, 4), depth + 1);
  if (random_.chance(25)) {  // and an else
    const Label end = b_.program.new_label();
    b_.emit_to(Op::J, {0}, end);
    b_.place(behind);
    statements(random_.between(1, 3), depth + 1);
    b_.place(end);
  } else {
    b_.place(behind);
  }
}

void Generator::counted_loop(unsigned depth) {
  if (depth > 2) return compute(depth);
  // Calls leave only the lowest registers alone.
  const bool with_calls = calls_allowed_ && (b_.reserved & 1u << kCounter) == 0 && random_.chance(50);
  const unsigned counter = with_calls ? kCounter : b_.temporary();
  const std::uint16_t reserved = b_.reserved;
  const bool calls_allowed = calls_allowed_;
  b_.reserved |= static_cast<std::uint16_t>(1u << counter);
  calls_allowed_ = with_calls;
  b_.load_number(counter, static_cast<std::int32_t>(random_.between(2, depth == 0 ? 60 : 12)));
  const Label begin = b_.here();
  const Label out = b_.program.new_label();
  statements(random_.between(1, 6), depth + 1);
  if (random_.chance(15)) branch_to(out);
  if (random_.chance(15)) branch_to(begin, random_.chance(10) ? 1 : 0);  // may go on for ever
  if (random_.chance(60)) statements(random_.between(1, 3), depth + 1);
  b_.emit(random_.chance(50) ? Op::ADDI : Op::ADDI_N, {counter, counter, -1});
  if (random_.chance(70)) {
    b_.emit_to(Op::BNEZ, {static_cast<int>(counter), 0}, begin);
  } else {
    b_.emit_to(Op::BGEI, {static_cast<int>(counter), 1, 0}, begin);
  }
  b_.place(out);
  b_.reserved = reserved;
  calls_allowed_ = calls_allowed;
}

void Generator::hardware_loop(unsigned depth) {
  if (depth > 2) return compute(depth);
  constexpr Sr kLoopRegisters[] = {Sr::LBEG, Sr::LEND, Sr::LCOUNT};
  const bool keep = depth != 0 && random_.chance(50);
  const unsigned a = b_.temporary();
  for (unsigned i = 0; keep && i < 3; ++i) {
    b_.emit(Op::RSR, {a, static_cast<std::int64_t>(kLoopRegisters[i])});
    b_.emit(Op::S32I, {a, kStack, 16 + 4 * i});
  }
  const unsigned counter = b_.temporary();
  if (random_.chance(70)) {
    b_.load_number(counter, static_cast<std::int32_t>(random_.between(0, depth == 0 ? 50 : 8)));
    // LOOP with 0 goes round for ever.
  } else {
    b_.emit(Op::EXTUI, {counter, random_.below(16), random_.below(28), random_.between(1, 4)});
  }
  const Label end = b_.program.new_label(), behind = b_.program.new_label();
  const Op op = random_.weighted(std::initializer_list<int>{1, 4, 4}) == 0
                    ? Op::LOOP
                    : random_.pick({Op::LOOPNEZ, Op::LOOPGTZ});
  if (random_.chance(5)) branch_to(end);  // around it
  b_.emit_to(op, {static_cast<int>(counter), 0}, end);
  const bool calls_allowed = calls_allowed_;
  calls_allowed_ = calls_allowed_ && random_.chance(30);
  const Label begin = b_.here();
  statements(random_.between(1, 4), depth + 1);
  switch (random_.below(8)) {
    case 0:
      branch_to(behind);
      break;
    case 1:
      branch_to(end);
      break;
    case 2:
      branch_to(begin);
      break;
    default:
      break;
  }
  if (random_.chance(70)) statements(random_.between(1, 3), depth + 1);
  calls_allowed_ = calls_allowed;
  b_.place(end);
  if (random_.chance(50)) statement(depth + 1);
  b_.place(behind);
  for (unsigned i = 0; keep && i < 3; ++i) {
    b_.emit(Op::L32I, {a, kStack, 16 + 4 * i});
    b_.emit(Op::WSR, {a, static_cast<std::int64_t>(kLoopRegisters[i])});
  }
}

void Generator::jump(unsigned depth) {
  const Label target = b_.program.new_label();
  if (random_.chance(50)) {
    b_.emit_to(Op::J, {0}, target);
  } else {
    const unsigned a = b_.temporary();
    b_.load_address(a, target, random_.chance(5) ? 1 : 0);
    b_.emit(Op::JX, {a});
  }
  const Label back = b_.here();
  statements(random_.between(1, 2), depth + 1);
  const Label end = b_.program.new_label();
  b_.emit_to(Op::J, {0}, end);
  b_.place(target);
  b_.emit_to(Op::J, {0}, back);
  b_.place(end);
}

void Generator::jump_table(unsigned depth) {
  const unsigned bits = random_.between(1, 2);
  const unsigned index = b_.temporary();
  const unsigned table = b_.temporary(static_cast<std::uint16_t>(1u << index));
  std::vector<Label> places;
  for (unsigned i = 0; i < 1u << bits; ++i) places.push_back(b_.program.new_label());
  Label first = 0;
  for (unsigned i = 0; i < places.size(); ++i) {
    const Label entry = b_.literal_address(places[i]);
    if (i == 0) first = entry;
  }
  b_.emit(Op::EXTUI, {index, random_.below(16), random_.below(24), bits});
  b_.load_address(table, first);
  b_.emit(Op::ADDX4, {table, index, table});
  b_.emit(Op::L32I, {table, table, 0});
  b_.emit(Op::JX, {table});
  for (const Label at : places) {
    b_.place(at);
    statements(random_.between(0, 2), depth + 1);
  }
}

// CALLn or CALLXn with what the callee finds in its a2 and a3: the pointer, and how deep it may go.
void Generator::call_function(Label callee, unsigned levels) {
  static constexpr Op kCalls[] = {Op::CALL4, Op::CALL8, Op::CALL12};
  static constexpr Op kComputedCalls[] = {Op::CALLX4, Op::CALLX8, Op::CALLX12};
  const unsigned n = random_.between(1, 3);
  const unsigned a2 = 4 * n + 2, a3 = 4 * n + 3;
  b_.emit(Op::MOV_N, {a2, kPointer});
  if (levels == 0) {
    b_.emit(Op::ADDI, {a3, kCounter, -1});
  } else {
    b_.load_number(a3, static_cast<std::int32_t>(levels));
  }
  if (random_.chance(75)) return b_.emit_to(kCalls[n - 1], {0}, callee);
  const unsigned a = b_.temporary(static_cast<std::uint16_t>(1u << a2 | 1u << a3));
  b_.load_address(a, callee);
  b_.emit(kComputedCalls[n - 1], {a});
}

void Generator::call(unsigned depth) {
  if (!calls_allowed_ || windowed_.empty()) return compute(depth);
  switch (random_.weighted(std::initializer_list<int>{inside_function_ ? 0 : 6, 3, 2})) {
    case 0:
      call_function(random_.pick(windowed_), random_.between(1, 14));
      break;
    case 1: {
      if (plain_.empty()) return;
      b_.emit(Op::S32I, {0, kStack, 8});
      if (random_.chance(70)) {
        b_.emit_to(Op::CALL0, {0}, random_.pick(plain_));
      } else {
        const unsigned a = b_.temporary();
        b_.load_address(a, random_.pick(plain_));
        b_.emit(Op::CALLX0, {a});
      }
      b_.emit(Op::L32I, {0, kStack, 8});
      break;
    }
    default: {
      const Label native = random_.pick(b_.program.natives);
      b_.emit(Op::S32I, {0, kStack, 8});
      b_.emit_to(random_.pick({Op::CALL4, Op::CALL8, Op::CALL12}), {0}, native);
      b_.emit(Op::L32I, {0, kStack, 8});
      break;
    }
  }
}

// Turns an instruction into another and back, each time this is executed.
void Generator::change_code(unsigned) {
  const unsigned address = b_.temporary();
  const unsigned toggle = b_.temporary(static_cast<std::uint16_t>(1u << address));
  const unsigned word = b_.temporary(static_cast<std::uint16_t>(1u << address | 1u << toggle));
  // An earlier instruction of the program, or the one behind the store.
  const bool next = patchable_.empty() || random_.chance(30);
  const Label at = next ? b_.program.new_label() : b_.label_at(random_.pick(patchable_));
  const Op op =
      random_.pick(ops_of(random_.pick({Group::kInteger, Group::kFp, Group::kMac, Group::kDouble})));
  const unsigned length = instruction_row(op).length;
  const std::uint32_t replacement = random_word(random_, op, b_.registers());
  for (std::uint8_t part = 0; part < 2; ++part) {
    const Label where = b_.literal_item(Item{.kind = Item::Kind::kToggleAddress, .part = part, .label = at});
    const Label what = b_.literal_item(Item{.kind = Item::Kind::kToggle,
                                            .length = static_cast<std::uint8_t>(length),
                                            .part = part,
                                            .word = replacement,
                                            .label = at});
    b_.emit_to(Op::L32R, {static_cast<int>(address), 0}, where);
    b_.emit_to(Op::L32R, {static_cast<int>(toggle), 0}, what);
    b_.emit(Op::L32I, {word, address, 0});
    b_.emit(Op::XOR, {word, word, toggle});
    b_.emit(Op::S32I, {word, address, 0});
    if (random_.chance(50)) break;
  }
  if (random_.chance(20)) b_.emit(Op::ISYNC);
  if (next) {
    b_.place(at);
    b_.emit_random(random_.pick(ops_of(Group::kInteger)), b_.registers());
  }
}

void Generator::system(unsigned) {
  system_statement(b_);
}

void Generator::special_access(unsigned) {
  special_register_statement(b_);
}

void Generator::function(std::size_t index) {
  b_.align();
  b_.place(windowed_[index]);
  inside_function_ = true;
  b_.reserved = 0x000f;
  b_.emit(Op::ENTRY, {kStack, random_.pick({80, 96, 112})});
  statements(random_.between(1, 4), 1);
  const Label done = b_.program.new_label();
  b_.emit_to(Op::BLTI, {kCounter, 1, 0}, done);
  if (random_.chance(60)) statements(random_.between(1, 2), 1);
  call_function(random_.pick(windowed_), 0);
  statements(random_.between(0, 3), 1);
  if (random_.chance(15)) {  // twice: as many calls as a tree has nodes
    b_.emit(Op::ADDI, {kCounter, kCounter, -2});
    call_function(random_.pick(windowed_), 0);
  }
  b_.place(done);
  statements(random_.between(0, 2), 1);
  b_.emit(random_.pick({Op::RETW, Op::RETW_N}));
}

// What a translator may take in where it is called.
void Generator::leaf_function(std::size_t index) {
  b_.align();
  b_.place(windowed_[index]);
  b_.reserved = 0x000f;
  b_.emit(Op::ENTRY, {kStack, random_.pick({32, 48, 80})});
  for (unsigned i = random_.between(1, 4); i != 0; --i) {
    if (random_.chance(75)) {
      leaf_statement();
      continue;
    }
    const Label behind = b_.program.new_label();
    branch_to(behind);
    leaf_statement();
    if (random_.chance(30)) b_.emit(random_.pick({Op::RETW, Op::RETW_N}));
    b_.place(behind);
  }
  b_.emit(random_.pick({Op::RETW, Op::RETW_N}));
}

void Generator::leaf_statement() {
  if (random_.chance(30)) return memory_statement(b_);
  const Group group = random_.pick({Group::kInteger, Group::kInteger, Group::kMac, Group::kBoolean});
  patchable_.push_back(b_.code_size());
  b_.emit_random(random_.pick(ops_of(group)), b_.registers());
}

void Generator::plain_function(std::size_t index) {
  b_.align();
  b_.place(plain_[index]);
  calls_allowed_ = false;
  b_.reserved = 0x000f;
  statements(random_.between(1, 4), 2);
  b_.emit(random_.pick({Op::RET, Op::RET_N}));
  calls_allowed_ = true;
}

void Generator::functions() {
  for (std::size_t i = 0; i < windowed_.size(); ++i) {
    if (random_.chance(10)) {
      b_.emit_item(
          Item{.kind = Item::Kind::kNextPage, .offset = static_cast<std::int32_t>(random_.below(40))});
    }
    room_ = random_.between(2, 10);
    random_.chance(40) ? leaf_function(i) : function(i);
  }
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    room_ = random_.between(1, 5);
    plain_function(i);
  }
}

void Generator::natives() {
  for (const Label label : b_.program.natives) {
    b_.align();
    b_.place(label);
    b_.emit(Op::ILL);
  }
}

RandomProgram Generator::structured() {
  for (unsigned i = random_.below(4); i != 0; --i) windowed_.push_back(b_.program.new_label());
  for (unsigned i = random_.below(3); i != 0; --i) plain_.push_back(b_.program.new_label());
  for (unsigned i = 0; i < kNativeKinds; ++i) b_.program.natives.push_back(b_.program.new_label());
  RandomProgram& program = b_.program;
  program.entry = b_.here();
  room_ = random_.between(8, 30);
  statements(random_.between(0, 4), 0);
  // The outermost loop's counter is in memory.
  b_.load_number(kCounter, static_cast<std::int32_t>(random_.between(2, random_.chance(30) ? 300 : 30)));
  b_.emit(Op::S32I, {kCounter, kStack, 0});
  const Label again = b_.here();
  statements(random_.between(3, 14), 0);
  b_.emit(Op::L32I, {kCounter, kStack, 0});
  b_.emit(Op::ADDI, {kCounter, kCounter, -1});
  b_.emit(Op::S32I, {kCounter, kStack, 0});
  b_.emit_to(Op::BNEZ, {kCounter, 0}, again);
  program.recovery = b_.here();
  statements(random_.between(2, 6), 0);
  program.finish = b_.here();
  b_.emit(Op::WAITI, {0});
  b_.emit_to(Op::J, {0}, program.finish);
  functions();
  natives();
  program.instructions = random_.pick({400, 1000, 1000, 1500, 2500, 4000});
  add_initial_state(b_);
  add_events(b_);
  return b_.take();
}

// Instructions in any order, or bytes that mean nothing.
RandomProgram Generator::soup(bool bytes) {
  RandomProgram& program = b_.program;
  for (unsigned i = 0; i < kNativeKinds; ++i) program.natives.push_back(program.new_label());
  program.entry = b_.here();
  std::vector<Label> labels;
  for (unsigned i = 0; i < 24; ++i) labels.push_back(program.new_label());
  for (unsigned i = 0; i < 60; ++i) {
    if (i % 5 == 0) b_.place(labels[i / 5]);
    if (bytes) {
      b_.emit_word(random_.next(), random_.chance(70) ? 3 : 2);
      continue;
    }
    const auto op = static_cast<Op>(random_.below(kInstructionCount));
    const InstructionRow& row = instruction_row(op);
    const Registers all;
    const bool targeted = std::any_of(row.operands.begin(), row.operands.begin() + row.operand_count,
                                      [](const Operand& o) { return o.print == Print::kTarget; });
    if (targeted && random_.chance(80)) {
      const auto operands = operands_of(random_word(random_, op, all));
      b_.emit_to(op, {operands[0], operands[1], operands[2]}, random_.pick(labels));
    } else {
      b_.emit_random(op, all);
    }
  }
  for (unsigned i = 12; i < labels.size(); ++i) b_.place(labels[i]);
  program.recovery = b_.here();
  for (unsigned i = 0; i < 10; ++i) b_.emit_random(random_.pick(ops_of(Group::kInteger)), {});
  program.finish = b_.here();
  b_.emit(Op::WAITI, {0});
  b_.emit_to(Op::J, {0}, program.finish);
  natives();
  program.instructions = random_.pick({200, 600});
  add_initial_state(b_);
  if (random_.chance(50)) {
    for (unsigned n = 0; n < 64; ++n) program.state.ar[n] = random_.next();
  }
  add_events(b_);
  return b_.take();
}

}  // namespace

RandomProgram generate_program(std::uint64_t seed) {
  Generator generator(seed);
  const unsigned kind = Random(~seed).below(100);
  if (kind < 88) return generator.structured();
  return generator.soup(kind >= 96);
}

}  // namespace espalier::xtensa::testing
