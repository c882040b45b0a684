// A load run's findings as people and programs read them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "load/generator.h"
#include "load/result.h"

namespace espalier::load {

// Some lines. `worst`: so many of the worst targets are listed, if there are several.
std::string text_of(const LoadOptions& options, const LoadResult& result, std::size_t worst);

// Times in microseconds, except where a name says seconds; every target with its own line.
nlohmann::ordered_json json_of(const LoadOptions& options, const LoadResult& result);

// "850 ns", "12.3 us", "1.20 ms", "3.50 s".
std::string time_text(double ns);

}  // namespace espalier::load
