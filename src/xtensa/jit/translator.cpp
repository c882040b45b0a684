#include "xtensa/jit/translator.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "xtensa/interpreter.h"
#include "xtensa/jit/fault_handler.h"
#include "xtensa/jit/versions.h"

namespace espalier::xtensa::jit {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::size_t kMaxTranslations = 16384;

bool overlaps(const Translation& translation, std::uint32_t address, std::uint64_t end) {
  return std::any_of(translation.ranges.begin(), translation.ranges.end(),
                     [&](const auto& range) { return range.first < end && range.second > address; });
}

}  // namespace

std::unique_ptr<Translator> Translator::create(Core& core, const CodeSource& source, std::size_t memory,
                                               std::string& why) {
  auto arena = CodeArena::create(memory);
  if (arena == nullptr) {
    why = "this host allows no executable memory";
    return nullptr;
  }
  auto translator = std::unique_ptr<Translator>(new Translator(core, source, std::move(arena)));
  translator->backend_ = make_backend(*translator);
  if (translator->backend_ == nullptr) {
    why = "there is no translator for this host";
    return nullptr;
  }
  translator->forget_ways();
  translator->code_begin_ = translator->arena_->allocate(0);
  install_fault_handler();
  return translator;
}

Translator::Translator(Core& core, const CodeSource& source, std::unique_ptr<CodeArena> arena)
    : core_(core),
      registers_(core.jit_registers_),
      source_(source),
      arena_(std::move(arena)),
      jumps_(std::size_t{1} << kJumpBits),
      calls_(std::size_t{1} << kJumpBits),
      returns_(std::size_t{1} << kReturnBits) {
  source_.literal = [this](std::uint32_t address) { return read_word(address, kPageLoad32 | kPageFetch); };
  source_.is_entry = [this](std::uint32_t pc, Mode mode) { return find(pc, mode) != nullptr; };
  source_.word = [this](std::uint32_t address) { return read_word(address, kPageLoad32); };
  registers_ = {};
  registers_.memory = core.memory_.base;
  registers_.attributes = core.memory_.attributes;
  registers_.jumps = jumps_.data();
  registers_.calls = calls_.data();
  registers_.returns = returns_.data();
  registers_.found = found_.data();
  registers_.translator = this;
}

Translator::~Translator() = default;

// --- Running

bool Translator::enter(bool make) {
  if (flush_pending_) flush();
  State& state = core_.state_;
  const Mode mode = Mode::of(state.ps);
  const void* host = find(state.pc, mode);
  if (host == nullptr) {
    if (!make || hopeless_.contains(key(state.pc, mode))) return false;
    host = translate(state.pc, mode);
    if (host == nullptr) return false;
  }
  if (pending_link_ != nullptr) {
    if (pending_key_ == key(state.pc, mode)) {
      const void* const called =
          pending_call_ != nullptr ? find(state.pc, mode, pending_increment_) : nullptr;
      if (called != nullptr) {
        backend_->patch_call(pending_call_, called);
      } else {
        backend_->patch_jump(pending_link_, host);
      }
      ++stats_.chained_exits;
    }
    pending_link_ = nullptr;
  }
  if (mode.windows && mode.loops) remember_jump(state.pc, host);
  ++stats_.entries;
  load_windows();
  registers_.left = core_.left_;
  registers_.exit = Exit::kContinue;
  registers_.link = registers_.call = nullptr;
  registers_.synced = false;
  registers_.fp_ready = 0;
  registers_.traces_returns = core_.traces(base::TraceEvent::cpu_return);
  {
    const RunningTranslator running(*this);
    backend_->run(host, registers_);
  }
  if (!registers_.synced) sync(state.pc, 0);
  if (registers_.link != nullptr) {
    pending_link_ = const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(registers_.link));
    pending_key_ = key(state.pc, Mode::of(state.ps));
    pending_call_ = const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(registers_.call));
    pending_increment_ = registers_.call_increment;
  }
  return true;
}

void Translator::load_windows() {
  State& state = core_.state_;
  if (traces_windows()) registers_.handlers = {};
  registers_.window = state.window();
  if (registers_.row != state.row) registers_.change_sides();
  if (state.windowstart != windowstart_) {
    for (std::uint32_t changed = (state.windowstart ^ windowstart_) & 0xffff; changed != 0;
         changed &= changed - 1) {
      const auto window = static_cast<std::uint32_t>(std::countr_zero(changed));
      registers_.link_of(window).started = state.windowstart >> window & 1;
    }
    windowstart_ = state.windowstart;
  }
  registers_.repeat_before();
}

void Translator::sync(std::uint32_t pc, std::uint32_t unexecuted) {
  State& state = core_.state_;
  state.pc = pc;
  state.windowbase = present_window();
  std::uint32_t started = 0;
  const ReturnLink* const moving = &registers_.link_of(0);
  const ReturnLink* const others = &registers_.link_of(kMovingWindows);
#pragma GCC unroll 8  // a slow path's and a resume()'s most costly part otherwise
  for (std::uint32_t n = 0; n < kMovingWindows; ++n)
    started |= moving[n].started << n | others[n].started << (n + kMovingWindows);
  state.windowstart = windowstart_ = started;
  core_.left_ = registers_.left + unexecuted;
}

// --- Slow paths

const Translator::Caller& Translator::caller_at(const std::uint8_t* return_address) {
  Caller& caller = callers_[reinterpret_cast<std::uintptr_t>(return_address) / 8 % callers_.size()];
  if (caller.return_address == return_address) return caller;
  const Translation* const translation = translation_at(return_address);
  const auto offset = static_cast<std::uint32_t>(return_address - translation->begin);
  const auto found = std::lower_bound(translation->returns.begin(), translation->returns.end(),
                                      std::pair{offset, std::uint32_t{0}});
  caller = {return_address, translation, &translation->sites[found->second]};
  for (RegisterSet set = caller.site->dirty; set != 0; set &= set - 1) {
    const auto reg = static_cast<std::uint8_t>(std::countr_zero(set));
    const std::uint8_t place = translation->places[reg];
    if (place == Translation::kNoPlace) continue;
    if (reg < kArs)
      caller.moves[caller.ars++] = {reg, place};
    else
      caller.others |= bit(reg);
  }
  return caller;
}

bool Translator::slow_path(SlowFrame& frame, const std::uint8_t* return_address) {
  // Both last until the next flush(), which no instruction brings about by itself.
  const Caller& caller = caller_at(return_address);
  const Translation* const translation = caller.translation;
  const Site& site = *caller.site;
  ++stats_.slow_accesses;

  State& state = core_.state_;
  std::uint32_t* const window = registers_.window;
  const auto home = [&](unsigned reg) -> std::uint32_t& {
    return reg < kArs
               ? window[reg]
               : *reinterpret_cast<std::uint32_t*>(reinterpret_cast<std::byte*>(&state) + state_offset(reg));
  };
  for (const auto& [reg, place] : std::span(caller.moves).first(caller.ars))
    window[reg] = static_cast<std::uint32_t>(frame.gpr[place]);
  for (RegisterSet set = caller.others; set != 0; set &= set - 1) {
    const auto reg = static_cast<unsigned>(std::countr_zero(set));
    const std::uint8_t place = translation->places[reg];
    home(reg) = reg < kFirstFr ? static_cast<std::uint32_t>(frame.gpr[place]) : frame.fr[place];
    if (reg == kAcc) state.acchi = frame.gpr[place] >> 32 & 0xff;
  }
  // The window that the function would have opened.
  const std::uint32_t opened = present_window() + site.window;
  if (site.window != 0) {
    registers_.window = window + 4 * site.window;
    registers_.set_started(opened, true);
  }
  sync(site.pc, site.rest + 1u);
  const std::uint32_t next = site.pc + site.in.length;
  const auto stop = [this] {
    registers_.synced = true;
    registers_.exit = Exit::kContinue;
    return true;
  };
  switch (core_.interpreter_->perform(site.in, site.access)) {
    case Core::Interpreter::Outcome::kMoved:
      core_.left_ -= 1;
      return stop();
    case Core::Interpreter::Outcome::kNext:
    case Core::Interpreter::Outcome::kBarrier:
      break;
  }
  core_.left_ -= 1;
  if (core_.attention_ != 0) {
    if ((core_.attention_ & Core::kAttentionMoved) == 0) {
      state.pc = next;
      if (state.lend == next && state.lcount != 0 && (state.ps & kPsExcm) == 0) {
        --state.lcount;
        state.pc = state.lbeg;
      }
    }
    return stop();
  }
  if (site.window != 0) {
    registers_.window = window;
    registers_.set_started(opened, false);
  }
  registers_.left = core_.left_ - site.rest;
  // The block relies on it, and FCR may be another one now.
  if (registers_.fp_ready != 0) core_.interpreter_->fp_.use(state.fcr);
  for (RegisterSet set = site.writes; set != 0; set &= set - 1) {
    const auto reg = static_cast<unsigned>(std::countr_zero(set));
    const std::uint8_t place = translation->places[reg];
    frame.result = home(reg);
    if (place == Translation::kNoPlace) continue;
    if (reg < kFirstFr) {
      frame.gpr[place] = home(reg);
      if (reg == kAcc) frame.gpr[place] |= std::uint64_t{state.acchi} << 32;
    } else {
      frame.fr[place] = home(reg);
    }
  }
  return false;
}

// The call has been paid for, the function has not.
bool Translator::call_native(std::uint32_t return_pc) {
  sync(core_.state_.pc, 0);
  registers_.synced = true;
  if (core_.left_ <= 0) {
    registers_.exit = Exit::kBudget;
    return true;
  }
  core_.interpreter_->fp_.leave(core_.state_.fsr);
  registers_.fp_ready = 0;
  core_.environment_.call_native(core_, core_.state_.pc);
  core_.left_ -= 1;
  if (core_.attention_ != 0 || core_.state_.pc != return_pc) {
    registers_.exit = Exit::kContinue;
    return true;
  }
  registers_.left = core_.left_;
  registers_.synced = false;
  return false;
}

bool Translator::enter_fp() {
  if ((core_.state_.cpenable & 1) == 0) return false;
  core_.interpreter_->fp_.use(core_.state_.fcr);
  registers_.fp_ready = 1;
  return true;
}

bool Translator::resolve(std::uint8_t* host, const void* fault, bool store) {
  if (!arena_->contains(host)) return false;
  const auto address = static_cast<std::size_t>(static_cast<const std::uint8_t*>(fault) - core_.memory_.base);
  if (address >> 32 == 0 && core_.environment_.show(core_, static_cast<std::uint32_t>(address), store))
    return true;
  return reroute(host);
}

bool Translator::reroute(std::uint8_t* host) {
  Translation* const translation = translation_at(host);
  if (translation == nullptr) return false;
  const auto offset = static_cast<std::uint32_t>(host - translation->begin);
  const auto found =
      std::lower_bound(translation->accesses.begin(), translation->accesses.end(), offset,
                       [](const Translation::Access& access, std::uint32_t at) { return access.at < at; });
  if (found == translation->accesses.end() || found->at != offset) return false;
  ++stats_.faults;
  if (found->cold != Translation::Access::kNoCold) {
    backend_->patch_jump(host, translation->begin + found->cold);
    return true;
  }
  const std::uint8_t* back = backend_->patch_access(host, found->length, translation->fp);
  const std::pair entry{static_cast<std::uint32_t>(back - translation->begin), found->site};
  translation->returns.insert(
      std::lower_bound(translation->returns.begin(), translation->returns.end(), entry), entry);
  return true;
}

Translation* Translator::translation_at(const std::uint8_t* host) {
  auto found = std::upper_bound(
      translations_.begin(), translations_.end(), host,
      [](const std::uint8_t* at, const std::unique_ptr<Translation>& t) { return at < t->begin; });
  if (found == translations_.begin()) return nullptr;
  --found;
  return host < (*found)->end ? found->get() : nullptr;
}

// --- Making translations

// Of ordinary code, which State::pc is at.
void Translator::remember_jump(std::uint32_t pc, const void* host) {
  const std::uint32_t at = pc >> 2 & ((1u << kJumpBits) - 1);
  jumps_[at] = {.pc = pc, .host = host};
  const std::uint32_t increment = (core_.state_.ps & kPsCallinc) >> kPsCallincShift;
  if (increment == 0) return;
  if (const void* called = find(pc, Mode::of(core_.state_.ps), increment))
    calls_[at] = {.pc = pc, .increment = increment, .host = called};
}

const void* Translator::find(std::uint32_t pc, Mode mode, unsigned increment) {
  const std::uint64_t wanted = key(pc, mode, increment);
  FoundEntry& quick = found_at(wanted);
  if (quick.tag == (wanted | kFoundMark)) return quick.host;
  const auto found = entries_.find(wanted);
  quick = {wanted | kFoundMark, found == entries_.end() ? nullptr : found->second};
  return quick.host;
}

bool Translator::is_plain(std::uint32_t address, unsigned size, bool load) {
  if (address % size != 0 || address >= 0x80000000) return false;
  core_.environment_.show(core_, address, !load);
  const std::uint8_t needed = size == 4 ? (load ? kPageLoad32 : kPageStore32)
                              : load    ? kPageLoadNarrow
                                        : kPageStoreNarrow;
  return (core_.memory_.attributes[address >> kPageBits] & needed) != 0;
}

std::optional<std::uint32_t> Translator::read_word(std::uint32_t address, std::uint8_t needed) {
  core_.environment_.show(core_, address, false);
  if (address % 4 != 0 || (core_.memory_.attributes[address >> kPageBits] & needed) != needed)
    return std::nullopt;
  std::uint32_t value = 0;
  std::memcpy(&value, core_.memory_.base + address, sizeof value);
  return value;
}

std::optional<std::uint32_t> Translator::literal(std::uint32_t address) {
  const auto value = source_.literal(address);
  if (value) literals_.push_back(address);
  return value;
}

const void* Translator::translate(std::uint32_t pc, Mode mode) {
  Region region = discover(source_, pc, mode);
  if (region.blocks.empty() || (region.blocks[0].count == 0 && !region.opens_window)) {
    hopeless_.insert(key(pc, mode));
    return nullptr;
  }
  analyse(region);
  make_versions(region, source_.literal);
  literals_.clear();
  std::unique_ptr<Translation> translation;
  if (translations_.size() < kMaxTranslations) translation = backend_->translate(region, *this);
  if (translation == nullptr) {
    flush();
    literals_.clear();
    translation = backend_->translate(region, *this);
    if (translation == nullptr) {
      hopeless_.insert(key(pc, mode));
      return nullptr;
    }
  }
  ++stats_.translated_regions;
  stats_.translated_instructions += region.steps.size();
  stats_.code_bytes += static_cast<std::uint64_t>(translation->end - translation->begin);
  std::sort(literals_.begin(), literals_.end());
  literals_.erase(std::unique(literals_.begin(), literals_.end()), literals_.end());
  for (const std::uint32_t address : literals_) translation->ranges.emplace_back(address, address + 4);
  for (const Translation::Entry& entry : translation->entries) {
    const std::uint64_t at = key(entry.pc, mode, entry.increment);
    found_at(at) = {};
    if (entry.increment == 0) core_.interpreter_->heat(entry.pc);
    // What has been translated as part of something else stays as it is, but for where this one begins.
    if (entry.pc == pc) {
      entries_[at] = entry.host;
    } else {
      entries_.emplace(at, entry.host);
    }
    if (const auto stale = stale_.find(at); stale != stale_.end()) {
      for (std::uint8_t* old : stale->second) backend_->patch_jump(old, entry.host);
      stale_.erase(stale);
    }
  }
  for (const auto& [a0, host] : translation->landings) landings_.emplace(a0, host);
  Translation* const made = translation.get();
  translations_.push_back(std::move(translation));
  std::unordered_set<std::uint32_t> pages;
  for (const auto& [begin, end] : made->ranges) {
    for (std::uint32_t page = begin >> kPageBits; page <= (end - 1) >> kPageBits; ++page) pages.insert(page);
    core_.environment_.code_decoded(core_, begin, end - begin);
  }
  for (const std::uint32_t page : pages) pages_[page].push_back(made);
  if (core_.on_translated_)
    core_.on_translated_(made->begin, static_cast<std::size_t>(made->end - made->begin), pc);
  return find(pc, mode);
}

// --- Forgetting

void Translator::kill(Translation& translation) {
  translation.dead = true;
  for (const Translation::Entry& entry : translation.entries) {
    backend_->patch_jump(entry.host, entry.dead);
    const std::uint64_t at = key(entry.pc, translation.mode, entry.increment);
    if (const auto found = entries_.find(at); found != entries_.end() && found->second == entry.host)
      entries_.erase(found);
    stale_[at].push_back(entry.host);
  }
  for (const auto& [a0, host] : translation.landings)
    if (const auto found = landings_.find(a0); found != landings_.end() && found->second == host)
      landings_.erase(found);
  core_.attention_ |= Core::kAttentionCode;
}

// Of returns and indirect jumps.
void Translator::forget_ways() {
  found_.clear();
  jumps_.clear();
  jumps_[0] = {.host = backend_->jump_miss()};
  calls_.clear();
  for (ReturnLink& link : registers_.links) link.a0 = 0, link.host = backend_->return_miss();
  returns_.clear();
  returns_[0] = returns_[kOtherReturn] = {.host = backend_->return_miss()};
  pending_link_ = nullptr;
}

bool Translator::invalidate(std::uint32_t address, std::uint32_t size) {
  hopeless_.clear();
  const std::uint64_t end = std::uint64_t{address} + size;
  if (registers_.handlers.overlap(address, end)) registers_.handlers = {};
  if (size == 0 || pages_.empty()) return false;
  bool any = false;
  const auto in_page = [&](std::vector<Translation*>& list) {
    std::erase_if(list, [&](Translation* translation) {
      if (!translation->dead && overlaps(*translation, address, end)) {
        kill(*translation);
        any = true;
      }
      return translation->dead;
    });
  };
  const std::uint64_t first = address >> kPageBits, last = (end - 1) >> kPageBits;
  if (last - first >= pages_.size()) {
    for (auto& [page, list] : pages_)
      if (page >= first && page <= last) in_page(list);
  } else {
    for (std::uint64_t page = first; page <= last; ++page)
      if (const auto found = pages_.find(static_cast<std::uint32_t>(page)); found != pages_.end())
        in_page(found->second);
  }
  if (any) forget_ways();
  return any;
}

void Translator::invalidate_all() {
  flush_pending_ = true;
  core_.attention_ |= Core::kAttentionCode;
}

bool Translator::has_code(std::uint32_t address, std::uint32_t size) const {
  if (size == 0) return false;
  const std::uint32_t last = (address + (size - 1)) >> kPageBits;
  const WindowHandlers& handlers = registers_.handlers;
  if (handlers.usual != 0 &&
      handlers.overlap(address >> kPageBits << kPageBits, (std::uint64_t{last} + 1) << kPageBits))
    return true;
  for (std::uint32_t page = address >> kPageBits; page <= last; ++page) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) continue;
    if (std::any_of(found->second.begin(), found->second.end(),
                    [](const Translation* t) { return !t->dead; }))
      return true;
  }
  return false;
}

void Translator::flush() {
  flush_pending_ = false;
  ++stats_.flushes;
  translations_.clear();
  callers_.fill({});
  entries_.clear();
  pages_.clear();
  stale_.clear();
  hopeless_.clear();
  landings_.clear();
  registers_.handlers = {};
  forget_ways();
  arena_->reset_to(code_begin_);
}

}  // namespace espalier::xtensa::jit
