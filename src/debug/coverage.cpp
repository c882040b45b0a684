#include "debug/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace espalier::debug {
namespace {

// Those that have code and whose first instruction has a line.
template <class See>
void for_each_function(const Symbols& symbols, See see) {
  for (const image::ElfSymbol& symbol : symbols.program().symbols()) {
    if (symbol.kind != image::ElfSymbol::Kind::kFunction) continue;
    if (const image::LineTable::Row* row = symbols.lines().at(symbol.address)) see(symbol, *row);
  }
}

std::vector<std::uint32_t> counted_addresses(const Symbols& symbols) {
  std::vector<std::uint32_t> addresses;
  for (const image::LineTable::Row& row : symbols.lines().rows())
    if (row.statement) addresses.push_back(row.address);
  for_each_function(symbols, [&addresses](const image::ElfSymbol& symbol, const auto&) {
    addresses.push_back(symbol.address);
  });
  return addresses;
}

struct Function {
  std::uint32_t line = 0;
  std::uint64_t count = 0;
};
struct Source {
  std::map<std::uint32_t, std::uint64_t> lines;
  std::map<std::string, Function> functions;
};

}  // namespace

std::string lcov_tracefile(const Symbols& symbols,
                           const std::function<std::uint64_t(std::uint32_t address)>& count) {
  const image::LineTable& table = symbols.lines();
  // By name, so that the same run gives the same text.
  std::map<std::string, Source> sources;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> in_function;  // by file and line
  std::uint32_t function = 0;
  const auto add_function = [&] {
    for (const auto& [place, executed] : std::exchange(in_function, {}))
      sources[table.file(place.first)].lines[place.second] += executed;
  };
  for (const image::LineTable::Row& row : table.rows()) {
    if (!row.statement) continue;
    const image::ElfSymbol* symbol = symbols.program().symbol_at(row.address);
    const std::uint32_t begin = symbol != nullptr ? symbol->address : 0;
    if (std::exchange(function, begin) != begin) add_function();
    std::uint64_t& most = in_function[{row.file, row.line}];
    most = std::max(most, count(row.address));
  }
  add_function();
  for_each_function(symbols, [&](const image::ElfSymbol& symbol, const image::LineTable::Row& row) {
    // An inline function of a header has a copy in each file that did not inline it.
    const auto [at, first] =
        sources[table.file(row.file)].functions.try_emplace(symbol.name, Function{row.line});
    at->second.line = std::min(at->second.line, row.line);
    at->second.count += count(symbol.address);
  });

  std::string text;
  const auto put = [&text](std::string_view key, const std::string& value) {
    fmt::format_to(std::back_inserter(text), "{}:{}\n", key, value);
  };
  for (const auto& [file, source] : sources) {
    const auto hit = [](const auto& counts, auto of) {
      return std::to_string(
          std::ranges::count_if(counts, [of](const auto& entry) { return of(entry) != 0; }));
    };
    put("TN", "");
    put("SF", file);
    for (const auto& [name, the] : source.functions) put("FN", fmt::format("{},{}", the.line, name));
    for (const auto& [name, the] : source.functions) put("FNDA", fmt::format("{},{}", the.count, name));
    put("FNF", std::to_string(source.functions.size()));
    put("FNH", hit(source.functions, [](const auto& entry) { return entry.second.count; }));
    for (const auto& [line, executed] : source.lines) put("DA", fmt::format("{},{}", line, executed));
    put("LF", std::to_string(source.lines.size()));
    put("LH", hit(source.lines, [](const auto& entry) { return entry.second; }));
    text += "end_of_record\n";
  }
  return text;
}

Coverage::Coverage(esp32::Machine& machine, std::shared_ptr<const Symbols> symbols)
    : symbols_(std::move(symbols)),
      counts_(machine, symbols_->shared_program(), counted_addresses(*symbols_)) {}

std::expected<std::unique_ptr<Coverage>, std::string> Coverage::start(
    esp32::Machine& machine, std::shared_ptr<const Symbols> symbols) {
  if (symbols->lines().rows().empty())
    return std::unexpected("has no line numbers: compile the program with -g");
  return std::unique_ptr<Coverage>(new Coverage(machine, std::move(symbols)));
}

}  // namespace espalier::debug
