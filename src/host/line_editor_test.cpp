#include "host/line_editor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

using ::testing::ElementsAre;

class LineEditorTest : public ::testing::Test {
 protected:
  void type(std::string_view text) {
    for (const char c : text) editor.feed(static_cast<std::uint8_t>(c));
  }
  std::string shown;
  std::vector<std::string> lines;
  std::vector<std::string> words;
  LineEditor editor{"> ",
                    {.print = [this](std::string_view text) { shown += text; },
                     .line =
                         [this](std::string_view line) {
                           lines.emplace_back(line);
                           editor.prompt();
                         },
                     .complete = [this](std::string_view) { return words; }}};
};

TEST_F(LineEditorTest, EchoesAndTakesLinesByAnyEnding) {
  editor.prompt();
  type("ab");
  EXPECT_EQ(shown, "> ab");
  type("\rcd\r\nef\n\n");
  EXPECT_THAT(lines, ElementsAre("ab", "cd", "ef", ""));
}

TEST_F(LineEditorTest, EditsInTheMiddle) {
  type(
      "acd\x02\x02"
      "b\x05"
      "e\r");                                           // Ctrl-B twice, Ctrl-E
  type("xx\x7f\x08y\r");                                // Backspace both ways
  type("one two\x17three\r");                           // Ctrl-W
  type("gone\x15kept\r");                               // Ctrl-U
  type("kept gone\x01\x1b[C\x1b[C\x1b[C\x1b[C\x0b\r");  // Ctrl-A, right, Ctrl-K
  type("abc\x1b[H\x1b[3~\x1b[F!\r");                    // Home, Delete, End
  type("abc\x1b[D\x1b[D\x04\r");                        // left, Ctrl-D
  EXPECT_THAT(lines, ElementsAre("abcde", "y", "one three", "kept", "kept", "bc!", "ac"));
}

TEST_F(LineEditorTest, CtrlCDropsTheLine) {
  type("dropped\x03kept\r");
  EXPECT_THAT(lines, ElementsAre("kept"));
}

TEST_F(LineEditorTest, EarlierLinesComeBack) {
  type("first\rsecond\rsecond\r");
  type("\x1b[A\x1b[A\r");           // the doubled line is there once
  type("\x10\x10\x0e!\r");          // up, up, down
  type("\x1bOA\x1b[B\x1b[Bnew\r");  // down to the new line and no further
  EXPECT_THAT(lines, ElementsAre("first", "second", "second", "first", "first!", "new"));
}

TEST_F(LineEditorTest, TabCompletesAsFarAsItIsSure) {
  words = {"hostfwd_add", "hostfwd_remove"};
  type("ho\t");
  type("\r");
  words = {"system_reset"};
  type("sy\t\r");
  words = {};
  type("x\t\r");
  EXPECT_THAT(lines, ElementsAre("hostfwd_", "system_reset ", "x"));
}

TEST_F(LineEditorTest, NothingThatIsTypedDoesHarm) {
  for (int i = 0; i < 256; ++i) editor.feed(static_cast<std::uint8_t>(i));
  type("\x1b[999999999999~\x1b[1;5D\x1b\x1b");
  type(std::string(3 * LineEditor::kLongest, 'x') + "\r");
  EXPECT_LE(lines.back().size(), LineEditor::kLongest);
}

}  // namespace
}  // namespace espalier::host
