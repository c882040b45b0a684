#include "host/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace espalier::host {

namespace {

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the command's name off: up to a space, or a slash as in x/4xw.
std::string_view take_name(std::string_view& line) {
  std::size_t size = 0;
  while (size < line.size() && !is_space(line[size]) && line[size] != '/') ++size;
  const std::string_view name = line.substr(0, size);
  line = trimmed(line.substr(size));
  return name;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!(text = trimmed(text)).empty()) {
    std::string word;
    bool quoted = false;
    std::size_t at = 0;
    for (; at < text.size() && (quoted || !is_space(text[at])); ++at) {
      if (text[at] == '"')
        quoted = !quoted;
      else
        word += text[at];
    }
    words.push_back(std::move(word));
    text = text.substr(at);
  }
  return words;
}

template <class Visit>
void for_each_name(std::string_view names, Visit visit) {
  while (!names.empty()) {
    const auto bar = names.find('|');
    visit(names.substr(0, bar));
    names = bar == std::string_view::npos ? std::string_view{} : names.substr(bar + 1);
  }
}

bool is_named(const Monitor::Command& command, std::string_view name) {
  bool found = false;
  for_each_name(command.names, [&](std::string_view one) { found |= one == name; });
  return found;
}

std::string help_line(std::string_view prefix, const Monitor::Command& command) {
  return fmt::format("{}{} {} -- {}\n", prefix, command.names, command.arguments, command.help);
}

}  // namespace

Monitor::Monitor(Session& session) : session_(session), snapshots_(session.machine(), session.control()) {}

std::string Monitor::execute(std::string_view line) {
  line = trimmed(line);
  if (line.empty()) return {};
  return run(commands(), line, "");
}

std::string Monitor::run(std::span<const Command> table, std::string_view line, std::string_view prefix) {
  std::string_view rest = line;
  const std::string_view name = take_name(rest);
  const auto at =
      std::ranges::find_if(table, [&](const Command& command) { return is_named(command, name); });
  if (at == table.end()) return fmt::format("unknown command: '{}{}'\n", prefix, name);
  // QEMU's nested table.
  if (table.data() == commands().data() && at->names == "info" && !rest.empty())
    return run(info_commands(), rest, "info ");
  const Call call{.rest = rest, .words = split(rest)};
  const std::string hint = fmt::format("Try \"help {}{}\" for more information\n", prefix, name);
  if (at->most != kAnyWords && call.words.size() > at->most)
    return fmt::format("{}: extraneous characters at the end of line\n{}", at->names, hint);
  if (call.words.size() < at->fewest) return fmt::format("{}: string expected\n{}", at->names, hint);
  return at->run(*this, call);
}

std::vector<std::string> Monitor::completions(std::string_view start) const {
  std::vector<std::string> found;
  std::string_view prefix;
  std::span<const Command> table = commands();
  if (start.starts_with("info ") || start.starts_with("help ") || start.starts_with("? ")) {
    prefix = start.substr(0, start.find(' ') + 1);
    if (prefix == "info ") table = info_commands();
  }
  for (const Command& command : table)
    for_each_name(command.names, [&](std::string_view name) {
      if (name.starts_with(start.substr(prefix.size()))) found.push_back(fmt::format("{}{}", prefix, name));
    });
  return found;
}

std::string Monitor::info_help() const {
  std::string text;
  for (const Command& command : info_commands()) text += help_line("info ", command);
  return text;
}

std::string Monitor::help(std::string_view about) const {
  std::string_view rest = about;
  const std::string_view name = take_name(rest);
  if (name == "info") {
    if (rest.empty()) return info_help();
    for (const Command& command : info_commands())
      if (is_named(command, rest)) return help_line("info ", command);
    return {};
  }
  std::string text;
  for (const Command& command : commands())
    if (name.empty() || is_named(command, name)) text += help_line("", command);
  return text;
}

}  // namespace espalier::host
