#include "console.h"

#include "connection.h"
#include "http.h"
#include "net.h"
#include "panic.h"
#include "rom.h"
#include "time.h"

static void show_status(void) {
  unsigned open = 0;
  for (unsigned i = 0; i < kConnections; ++i) open += connections[i].state != kClosed;
  ets_printf("up %u ms, address " ADDRESS_FORMAT ", %u connections, %u requests\n",
             (unsigned)(time_us() / 1000), ADDRESS_VALUES(net.address), open, (unsigned)http_requests);
}

static void run(const char* command) {
  if (strcmp(command, "") == 0 || strcmp(command, "status") == 0)
    show_status();
  else if (strcmp(command, "restart") == 0)
    restart();
  else if (strcmp(command, "panic") == 0)
    abort_because("asked for at the console");
  else
    ets_printf("commands: status, restart, panic\n");
}

void console_byte(uint8_t byte) {
  static char line[32];
  static unsigned length;
  if (byte == '\r' || byte == '\n') {
    line[length] = 0;
    length = 0;
    run(line);
  } else if (length < sizeof line - 1) {
    line[length++] = (char)byte;
  }
}
