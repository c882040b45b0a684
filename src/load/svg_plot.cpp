#include "load/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace espalier::load {
namespace {

// Told apart by people who see fewer colours, too (Okabe and Ito's palette).
constexpr std::array kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
constexpr double kWidth = 300, kHeight = 260;  // of a panel's axes
constexpr double kLeft = 70, kTop = 64, kGap = 28, kBottom = 84, kRight = 24;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

std::string text_at(double x, double y, const std::string& text, const char* anchor = "middle",
                    const char* more = "") {
  return fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='{}'{}>{}</text>\n", x, y, anchor, more,
                     escaped(text));
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' {}/>\n", x1, y1, x2, y2, style);
}

// A logarithmic axis from one power of ten to another.
class Axis {
 public:
  void include(double value) {
    least_ = std::min(least_, std::floor(std::log10(value)));
    most_ = std::max(most_, std::ceil(std::log10(value)));
  }
  void finish() {
    if (least_ > most_) least_ = 0, most_ = 1;
    if (least_ == most_) most_ = least_ + 1;
  }
  // 0 to 1.
  double place(double value) const { return (std::log10(value) - least_) / (most_ - least_); }
  int first() const { return static_cast<int>(least_); }
  int last() const { return static_cast<int>(most_); }

 private:
  double least_ = 99, most_ = -99;
};

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    for (const Panel& panel : plot.panels) {
      for (const Series& series : panel.series) {
        if (std::ranges::find(names_, series.name) == names_.end()) names_.push_back(series.name);
        for (const auto& [x, y] : series.points) {
          x_.include(x);
          y_.include(y);
        }
      }
    }
    x_.finish();
    y_.finish();
  }

  std::string text() {
    const double panels = static_cast<double>(std::max<std::size_t>(1, plot_.panels.size()));
    const double width = kLeft + panels * kWidth + (panels - 1) * kGap + kRight;
    const double height = kTop + kHeight + kBottom;
    out_ = fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{0:.0f}' height='{1:.0f}' viewBox='0 0 {0:.0f} "
        "{1:.0f}' "
        "font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='#fff'/>\n",
        width, height);
    out_ += text_at(width / 2, 24, plot_.title, "middle", " font-size='16'");
    for (std::size_t i = 0; i < plot_.panels.size(); ++i)
      draw(plot_.panels[i], kLeft + static_cast<double>(i) * (kWidth + kGap), i == 0);
    out_ += text_at(width / 2, kTop + kHeight + 38, plot_.x_label);
    out_ += fmt::format("<text transform='translate(18 {:.1f}) rotate(-90)' text-anchor='middle'>{}</text>\n",
                        kTop + kHeight / 2, escaped(plot_.y_label));
    legend(kTop + kHeight + 62);
    return out_ + "</svg>\n";
  }

 private:
  void draw(const Panel& panel, double left, bool labelled) {
    out_ += text_at(left + kWidth / 2, kTop - 10, panel.title, "middle", " font-size='13'");
    for (int power = x_.first(); power <= x_.last(); ++power) {
      const double x = left + kWidth * x_.place(std::pow(10, power));
      out_ += line(x, kTop, x, kTop + kHeight, "stroke='#ccc'");
      out_ += text_at(x, kTop + kHeight + 18, fmt::format("{:g}", std::pow(10, power)));
    }
    for (int power = y_.first(); power <= y_.last(); ++power) {
      const double y = kTop + kHeight * (1 - y_.place(std::pow(10, power)));
      out_ += line(left, y, left + kWidth, y, "stroke='#ccc'");
      if (labelled) out_ += text_at(left - 8, y + 4, fmt::format("{:g}", std::pow(10, power)), "end");
      for (int n = 2; n < 10 && power < y_.last(); ++n) {
        const double minor = kTop + kHeight * (1 - y_.place(n * std::pow(10, power)));
        out_ += line(left, minor, left + kWidth, minor, "stroke='#eee'");
      }
    }
    out_ += fmt::format(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='none' stroke='#666'/>\n", left,
        kTop, kWidth, kHeight);
    for (const Series& series : panel.series) draw(series, left);
  }

  void draw(const Series& series, double left) {
    const char* colour = colour_of(series.name);
    std::string points;
    for (const auto& [x, y] : series.points) {
      const double at_x = left + kWidth * x_.place(x), at_y = kTop + kHeight * (1 - y_.place(y));
      points += fmt::format("{:.1f},{:.1f} ", at_x, at_y);
      out_ += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>\n", at_x, at_y, colour);
    }
    out_ += fmt::format("<polyline points='{}' fill='none' stroke='{}' stroke-width='2'{}/>\n", points,
                        colour, series.dashed ? " stroke-dasharray='6 4'" : "");
  }

  void legend(double y) {
    double x = kLeft;
    const auto entry = [&](const std::string& name, const std::string& style) {
      out_ += line(x, y - 4, x + 28, y - 4, style.c_str());
      out_ += text_at(x + 34, y, name, "start");
      x += 60 + 7 * static_cast<double>(name.size());
    };
    for (const std::string& name : names_)
      entry(name, fmt::format("stroke='{}' stroke-width='3'", colour_of(name)));
    if (!plot_.solid.empty()) entry(plot_.solid, "stroke='#333' stroke-width='2'");
    if (!plot_.dashed.empty()) entry(plot_.dashed, "stroke='#333' stroke-width='2' stroke-dasharray='6 4'");
  }

  const char* colour_of(const std::string& name) const {
    const auto index = std::ranges::find(names_, name) - names_.begin();
    return kColours[static_cast<std::size_t>(index) % kColours.size()];
  }

  const Plot& plot_;
  Axis x_, y_;
  std::vector<std::string> names_;
  std::string out_;
};

}  // namespace

std::string svg_of(const Plot& plot) {
  return Drawing(plot).text();
}

}  // namespace espalier::load
