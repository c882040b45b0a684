#include "net/dns_server.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "net/bytes.h"

namespace espalier::net {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kResponse = 0x8000, kOpcode = 0x7800, kAuthoritative = 0x0400,
                        kRecursionWanted = 0x0100, kRecursion = 0x0080;
enum Code : std::uint16_t { kNoError = 0, kFormatError = 1, kNoName = 3, kNotImplemented = 4 };
constexpr std::uint16_t kTypeA = 1, kTypePtr = 12, kTypeAny = 255, kClassIn = 1, kClassAny = 255;
constexpr std::size_t kLongestName = 255, kLongestLabel = 63;
constexpr std::string_view kReverse = ".in-addr.arpa";

struct Question {
  std::string name;  // lower case, labels with dots between
  std::uint16_t type = 0;
  std::uint16_t cls = 0;
  std::size_t end = 0;
};

std::optional<Question> parse_question(Bytes query) {
  Question question;
  std::size_t at = kHeader;
  for (;;) {
    if (at >= query.size()) return std::nullopt;
    const std::size_t label = query[at++];
    if (label == 0) break;
    // Compression has nothing to point back to in a question.
    if (label > kLongestLabel || at + label > query.size() || question.name.size() + label + 1 > kLongestName)
      return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    for (const std::uint8_t c : query.subspan(at, label)) {
      if (c == '.' || c == 0) return std::nullopt;
      question.name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    at += label;
  }
  if (at + 4 > query.size()) return std::nullopt;
  question.type = get_u16(query, at);
  question.cls = get_u16(query, at + 2);
  question.end = at + 4;
  return question;
}

// "4.3.2.1.in-addr.arpa".
std::optional<std::uint32_t> reverse_address(std::string_view name) {
  if (!name.ends_with(kReverse)) return std::nullopt;
  name.remove_suffix(kReverse.size());
  std::uint32_t address = 0;
  for (unsigned part = 0; part < 4; ++part) {
    const std::size_t dot = name.find('.');
    const std::string_view digits = name.substr(0, dot);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value > 255)
      return std::nullopt;
    if ((part == 3) != (dot == std::string_view::npos)) return std::nullopt;
    address |= value << 8 * part;
    name.remove_prefix(part == 3 ? name.size() : dot + 1);
  }
  return address;
}

class Answer {
 public:
  Answer(Bytes query, const Question* question) {
    bytes_.assign(query.begin(),
                  query.begin() + static_cast<std::ptrdiff_t>(question ? question->end : kHeader));
    const std::uint16_t asked = get_u16(query, 2);
    flags_ = static_cast<std::uint16_t>(kResponse | (asked & (kOpcode | kRecursionWanted)) | kRecursion);
    set_u16(bytes_, 4, question ? 1 : 0);
    for (const std::size_t count : {6, 8, 10}) set_u16(bytes_, count, 0);
  }
  void add(std::uint16_t type, std::uint32_t ttl, Bytes content) {
    add_u16(bytes_, 0xc000 | kHeader);  // the question's name
    add_u16(bytes_, type);
    add_u16(bytes_, kClassIn);
    add_u32(bytes_, ttl);
    add_u16(bytes_, static_cast<std::uint32_t>(content.size()));
    bytes_.insert(bytes_.end(), content.begin(), content.end());
    set_u16(bytes_, 6, get_u16(bytes_, 6) + 1u);
  }
  std::vector<std::uint8_t> end(Code code, bool ours = true) {
    set_u16(bytes_, 2, flags_ | (ours ? kAuthoritative : 0u) | code);
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::uint16_t flags_;
};

std::vector<std::uint8_t> encoded(std::string_view name) {
  std::vector<std::uint8_t> bytes;
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    bytes.push_back(static_cast<std::uint8_t>(dot));
    bytes.insert(bytes.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(dot));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  bytes.push_back(0);
  return bytes;
}

bool asks_for(const Question& question, std::uint16_t type) {
  return (question.type == type || question.type == kTypeAny) &&
         (question.cls == kClassIn || question.cls == kClassAny);
}

}  // namespace

std::optional<std::vector<std::uint8_t>> answer_dns(const DnsZone& zone, Bytes query) {
  if (query.size() < kHeader) return std::nullopt;
  const std::uint16_t flags = get_u16(query, 2);
  if (flags & kResponse) return std::nullopt;
  const auto refuse = [&](Code code, const Question* question) -> std::optional<std::vector<std::uint8_t>> {
    if (!zone.closed) return std::nullopt;
    return Answer(query, question).end(code, false);
  };
  if (flags & kOpcode) return refuse(kNotImplemented, nullptr);
  if (get_u16(query, 4) != 1) return refuse(kFormatError, nullptr);
  const auto question = parse_question(query);
  if (!question) return refuse(kFormatError, nullptr);

  if (const auto address = reverse_address(question->name)) {
    if (const auto name = zone.name_of(*address)) {
      Answer answer(query, &*question);
      const std::string full = zone.domains.empty() ? *name : *name + "." + zone.domains.front();
      if (asks_for(*question, kTypePtr)) answer.add(kTypePtr, zone.ttl_seconds, encoded(full));
      return answer.end(kNoError);
    }
    if (zone.contains(*address)) return Answer(query, &*question).end(kNoName);
    return refuse(kNoName, &*question);
  }

  std::string_view name = question->name;
  bool in_domain = false;
  for (const std::string& domain : zone.domains)
    if (name.size() > domain.size() && name.ends_with(domain) &&
        name[name.size() - domain.size() - 1] == '.') {
      name.remove_suffix(domain.size() + 1);
      in_domain = true;
      break;
    }
  if (const auto address = zone.address_of(name)) {
    Answer answer(query, &*question);
    std::vector<std::uint8_t> content;
    add_u32(content, *address);
    if (asks_for(*question, kTypeA)) answer.add(kTypeA, zone.ttl_seconds, content);
    return answer.end(kNoError);
  }
  if (in_domain) return Answer(query, &*question).end(kNoName);
  return refuse(kNoName, &*question);
}

}  // namespace espalier::net
