/* Writes NVS and SPIFFS without end, to have its power cut: at each start it looks for what it had written, and
 * says whether that is what it can have left. Round after round it writes the settings and then a file; "kept"
 * says what has been acknowledged.
 *
 *     NVS OK: round 12 and 3 of 6
 *     FILES OK: round 12
 *     ready
 *     kept nvs 13 4
 *     ...
 *     kept nvs 13 6
 *     kept files 13
 *
 * "BROKEN": something is lost that was not being written; then both begin again. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "esp_err.h"
#include "esp_system.h"
#include "files.h"
#include "settings.h"
#include "soc/rtc.h"

/* Whether the files are those that go with settings of a round and `ahead` of the next, and which one is the
 * newest. Where all settings are of one round its file may be the one under way. */
static bool files_fit(uint32_t round, unsigned ahead, uint32_t* newest) {
  *newest = round;
  const bool last = round == 0 || files_hold(round);
  const bool before = round < 2 || files_hold(round - 1);
  if (last && before) {
    return true;
  }
  if (ahead == 0 && before) {
    *newest = round - 1;
    return true;
  }
  return false;
}

static bool find(uint32_t* round, unsigned* ahead, uint32_t* newest) {
  if (!settings_find(round, ahead)) {
    return false;
  }
  printf("NVS OK: round %" PRIu32 " and %u of %d\n", *round, *ahead, settings_count);
  if (files_fit(*round, *ahead, newest)) {
    printf("FILES OK: round %" PRIu32 "\n", *newest);
    return true;
  }
  printf("FILES BROKEN: of rounds %" PRIu32 " and %" PRIu32 " %s is there\n", *round, *round - 1,
         files_hold(*round)       ? "the first"
         : files_hold(*round - 1) ? "the second"
                                  : "neither");
  return false;
}

/* Waiting for an erase takes fewer instructions then. */
static void slow_down(void) {
  rtc_cpu_freq_config_t frequency;
  if (rtc_clk_cpu_freq_mhz_to_config(20, &frequency)) {
    rtc_clk_cpu_freq_set_config(&frequency);
  }
}

static void begin_again(void) {
  ESP_ERROR_CHECK(settings_reset());
  ESP_ERROR_CHECK(files_reset());
}

static void write_file(uint32_t round) {
  if (files_write(round) != ESP_OK) {
    /* Interrupted writes leave pages behind that belong to no file. */
    const int why = errno;
    const esp_err_t error = files_repair();
    printf("FILES FULL: %s, the repair said %s\n", strerror(why), esp_err_to_name(error));
    if (files_write(round) != ESP_OK) {
      printf("FILES BROKEN: round %" PRIu32 " cannot be written: %s\n", round, strerror(errno));
      begin_again();
      esp_restart();
    }
  }
  printf("kept files %" PRIu32 "\n", round);
}

void app_main(void) {
  uint32_t round = 0, newest = 0;
  unsigned ahead = 0;
  esp_err_t error = settings_open();
  if (error != ESP_OK) {
    printf("NVS BROKEN: cannot be opened: %s\n", esp_err_to_name(error));
    ESP_ERROR_CHECK(settings_reset());
  }
  const bool settings_lost = error != ESP_OK;
  ESP_ERROR_CHECK(files_open());
  /* What an interruption has left may hide whole files until it is put right. */
  if (files_repair() != ESP_OK) {
    printf("FILES UNREPAIRED\n");
  }
  if (settings_lost || !find(&round, &ahead, &newest)) {
    begin_again();
    round = newest = 0;
  }
  printf("ready\n");
  slow_down();
  if (newest < round) {
    write_file(round);
  }
  for (;;) {
    ++round;
    for (unsigned i = 0; i < settings_count; ++i) {
      error = settings_write(i, round);
      if (error != ESP_OK) {
        printf("NVS BROKEN: %s cannot be written: %s\n", settings_name(i), esp_err_to_name(error));
        begin_again();
        esp_restart();
      }
      printf("kept nvs %" PRIu32 " %u\n", round, i + 1);
    }
    write_file(round);
  }
}
