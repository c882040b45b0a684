// Line charts as SVG: panels side by side, logarithmic axes.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace espalier::load {

struct Series {
  std::string name;  // series of one name have one colour and one entry in the legend
  bool dashed = false;
  std::vector<std::pair<double, double>> points;  // in order of x; both above 0
};

struct Panel {
  std::string title;
  std::vector<Series> series;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::string solid;   // what solid lines are, for the legend
  std::string dashed;  // what dashed lines are
  std::vector<Panel> panels;
};

// All panels have the same axes, which reach from a power of ten to another.
std::string svg_of(const Plot& plot);

}  // namespace espalier::load
