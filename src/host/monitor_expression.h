// Numbers as a monitor's user writes them: 0x3ffb0000, $pc+4, (1+2)*'a'.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::host {

// What a name behind a $ stands for.
using RegisterLookup = std::function<std::optional<std::uint32_t>(std::string_view name)>;

// QEMU's grammar: + and - bind loosest, then & | ^, then * / %, then the signs + - ~. Numbers as in C,
// characters in quotes, registers behind $. An error is QEMU's text for it.
std::expected<std::int64_t, std::string> evaluate(std::string_view text, const RegisterLookup& registers);

}  // namespace espalier::host
