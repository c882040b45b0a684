#include "load/svg_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace espalier::load {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t count_of(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()));
}

TEST(SvgPlot, ValuesLieWhereLogarithmicAxesPutThem) {
  const std::string svg = svg_of(
      {.title = "Title",
       .x_label = "x",
       .y_label = "y",
       .solid = "",
       .dashed = "",
       .panels = {{.title = "p", .series = {{.name = "s", .points = {{1, 0.1}, {10, 1}, {100, 10}}}}}}});
  EXPECT_THAT(svg, HasSubstr("<svg xmlns='http://www.w3.org/2000/svg'"));
  EXPECT_THAT(svg, HasSubstr(">Title</text>"));
  // The panel is 300 by 260, from (70, 64): two decades each way, so corners and the middle.
  EXPECT_THAT(svg, HasSubstr("<polyline points='70.0,324.0 220.0,194.0 370.0,64.0 '"));
  EXPECT_EQ(count_of(svg, "<circle "), 3u);
  for (const char* tick : {">1</text>", ">10</text>", ">100</text>", ">0.1</text>"})
    EXPECT_THAT(svg, HasSubstr(tick));
}

TEST(SvgPlot, PanelsShareAxesAndColoursGoByName) {
  const Series ours{.name = "ours", .points = {{1, 1}}};
  const Series theirs{.name = "theirs", .dashed = true, .points = {{1000, 100}}};
  const std::string svg =
      svg_of({.title = "",
              .x_label = "",
              .y_label = "",
              .solid = "median",
              .dashed = "p99",
              .panels = {{.title = "a", .series = {ours, theirs}}, {.title = "b", .series = {theirs}}}});
  EXPECT_EQ(count_of(svg, ">1000</text>"), 2u);  // below both panels
  EXPECT_EQ(count_of(svg, "<polyline [^>]*stroke='#0072b2'"), 1u);
  EXPECT_EQ(count_of(svg, "<polyline [^>]*stroke='#d55e00'[^>]*stroke-dasharray"), 2u);
  EXPECT_EQ(count_of(svg, ">theirs</text>"), 1u);
  EXPECT_EQ(count_of(svg, ">median</text>"), 1u);
}

TEST(SvgPlot, TextIsEscapedAndNothingIsNoProblem) {
  const std::string svg = svg_of({.title = "a<b&c",
                                  .x_label = "",
                                  .y_label = "",
                                  .solid = "",
                                  .dashed = "",
                                  .panels = {{.title = "", .series = {}}}});
  EXPECT_THAT(svg, HasSubstr("a&lt;b&amp;c"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg_of(Plot{}), HasSubstr("</svg>"));
}

TEST(SvgPlot, OneValueHasAnAxisToo) {
  const std::string svg =
      svg_of({.title = "",
              .x_label = "",
              .y_label = "",
              .solid = "",
              .dashed = "",
              .panels = {{.title = "", .series = {{.name = "s", .points = {{10, 10}}}}}}});
  EXPECT_THAT(svg, HasSubstr("<polyline points='70.0,324.0 '"));
}

}  // namespace
}  // namespace espalier::load
