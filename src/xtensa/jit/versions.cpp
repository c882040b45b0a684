#include "xtensa/jit/versions.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace espalier::xtensa::jit {
namespace {

constexpr std::size_t kMaxVersions = 6;     // of a block, the first included
constexpr unsigned kMaxVersionSteps = 300;  // of a region

Facts either(const Facts& a, const Facts& b) {
  Facts facts{.aligned = a.aligned | b.aligned, .panes = std::max(a.panes, b.panes)};
  for (unsigned reg = 0; reg < kArs; ++reg) facts.set_room(reg, std::max(a.room(reg), b.room(reg)));
  return facts;
}

// What holds in both cases.
Facts both(const Facts& a, const Facts& b) {
  Facts facts{.aligned = a.aligned & b.aligned, .panes = std::min(a.panes, b.panes)};
  for (unsigned reg = 0; reg < kArs; ++reg) facts.set_room(reg, std::min(a.room(reg), b.room(reg)));
  return facts;
}

unsigned size_of(const Facts& facts) {
  return static_cast<unsigned>(std::popcount(facts.aligned) + std::popcount(facts.rooms)) + facts.panes;
}

class Versions {
 public:
  Versions(Region& region, const ReadLiteral& literal)
      : region_(region),
        literal_(literal),
        originals_(region.blocks),
        wanted_(region.blocks.size()),
        versions_(region.blocks.size()) {}

  void make() {
    find_wanted();
    for (std::size_t i = 0; i < originals_.size(); ++i) versions_[i].push_back(static_cast<int>(i));
    for (std::size_t i = 0; i < originals_.size(); ++i) lead_on(i);
  }

 private:
  KnownValues behind(const Block& block, KnownValues known) const {
    for (unsigned n = 0; n < block.count; ++n) known.step(region_.steps[block.first + n], literal_);
    if (block.leaf != Target::kOutside) known.need_panes(block.leaf_panes);
    return known;
  }

  // Which facts save a test, in a block or behind it.
  void find_wanted() {
    std::vector<KnownValues> flows;
    for (std::size_t i = 0; i < originals_.size(); ++i) {
      flows.push_back(behind(originals_[i], KnownValues::relative()));
      wanted_[i] = flows[i].wanted();
      if (!region_.mode.windows) wanted_[i].panes = 0;
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = originals_.size(); i-- > 0;) {
        Facts later;
        for_each_way(originals_[i],
                     [&](int to) { later = either(later, wanted_[static_cast<std::size_t>(to)]); });
        const Facts wanted = either(wanted_[i], flows[i].wanted_for(later));
        if (wanted == wanted_[i]) continue;
        wanted_[i] = wanted;
        changed = true;
      }
    }
  }

  // To the versions that make most of what is known behind the block.
  void lead_on(std::size_t index) {
    Block block = region_.blocks[index];
    const Facts facts = behind(block, KnownValues(block.known)).facts();
    for_each_way(block, [&](int& to) { to = version_for(static_cast<std::size_t>(to), facts); });
    region_.blocks[index] = block;
  }

  int version_for(std::size_t index, const Facts& facts) {
    const Block& original = originals_[index];
    const Facts known = both(facts, either(wanted_[index], original.known));
    std::vector<int>& versions = versions_[index];
    int best = static_cast<int>(index);
    for (const int version : versions) {
      const Facts& assumed = facts_of(version);
      if (both(assumed, known) == assumed && size_of(assumed) > size_of(facts_of(best))) best = version;
    }
    if (facts_of(best) == known || original.depth == 0 || versions.size() == kMaxVersions ||
        steps_ + original.count > kMaxVersionSteps)
      return best;
    steps_ += original.count;
    const std::size_t made = region_.blocks.size();
    versions.push_back(static_cast<int>(made));
    region_.blocks.push_back(original);
    region_.blocks.back().entry = false;
    region_.blocks.back().known = known;
    region_.blocks.back().version_of = static_cast<int>(index);
    lead_on(made);
    return static_cast<int>(made);
  }

  const Facts& facts_of(int block) const { return region_.blocks[static_cast<std::size_t>(block)].known; }

  Region& region_;
  const ReadLiteral& literal_;
  std::vector<Block> originals_;
  std::vector<Facts> wanted_;               // by original
  std::vector<std::vector<int>> versions_;  // by original, which is the first of them
  unsigned steps_ = 0;
};

}  // namespace

void make_versions(Region& region, const ReadLiteral& literal) {
  if (std::any_of(region.blocks.begin(), region.blocks.end(),
                  [](const Block& block) { return block.depth != 0; }))
    Versions(region, literal).make();
}

}  // namespace espalier::xtensa::jit
