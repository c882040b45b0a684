// How the program's exit codes are to be read. Scripts and CI depend on them.
#pragma once

namespace espalier::cli {

enum ExitCode : int {
  kDone = 0,
  kExpectationFailed = 1,  // the firmware ran, but did not do what was asked of it
  kBadInput = 2,           // bad usage, or a file that is missing, damaged or not what it should be
  kEmulatorFault = 3,      // the emulator itself failed
  kTimedOut = 124,         // --timeout passed; the code of coreutils' timeout
};

}  // namespace espalier::cli
