// What `espalier image info` shows, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "image/flash_report.h"

namespace espalier::cli {

std::string text_of(const image::ImageReport& image);
std::string text_of(const image::PartitionTable& table, std::uint32_t offset);
std::string text_of(const image::FlashImage& flash, const image::FlashReport& report);

// The keys are part of the program's interface: scripts read them.
nlohmann::ordered_json json_of(const image::ImageReport& image);
nlohmann::ordered_json json_of(const image::PartitionTable& table, std::uint32_t offset);
nlohmann::ordered_json json_of(const image::FlashImage& flash, const image::FlashReport& report);
nlohmann::ordered_json json_of(const std::vector<image::Finding>& findings);

}  // namespace espalier::cli
