// A sweep's findings as a table, CSV, JSON and a plot.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "load/sweep.h"

namespace espalier::load {

std::string table_head();
// One line.
std::string table_line(const SweepRow& row);
std::string csv_of(const std::vector<SweepRow>& rows);
nlohmann::ordered_json json_of(const SweepOptions& options, const std::vector<SweepRow>& rows);
// Median and 99th percentile against the number of devices, a panel for each rate.
std::string svg_of(const std::vector<SweepRow>& rows);

}  // namespace espalier::load
