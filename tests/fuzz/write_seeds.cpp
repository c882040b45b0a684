// Writes valid inputs for each fuzz target, to start from: write_seeds FOLDER makes FOLDER/TARGET/NAME.
#include <filesystem>
#include <fstream>
#include <string>

#include "image/image_test_support.h"
#include "image/nvs_partition.h"

using namespace espalier::image;

namespace {

std::filesystem::path folder;

void seed(const std::string& target, const std::string& name, const Bytes& bytes) {
  std::filesystem::create_directories(folder / target);
  std::ofstream(folder / target / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Bytes list_and_files(std::string_view list, const Bytes& files) {
  Bytes bytes = test::bytes_of(list);
  bytes.push_back(0);
  bytes.insert(bytes.end(), files.begin(), files.end());
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  seed("image_parser", "bootloader", test::make_idf_bootloader());
  seed("image_parser", "application", test::make_app());
  seed("image_parser", "other_chip",
       test::make_image({{0x40380000, Bytes(16, 1)}}, {.entry = 0x40380000, .chip_id = 5}));

  seed("qmp", "commands",
       test::bytes_of(R"({"execute":"qmp_capabilities"}{"execute":"stop","id":"a"} {"execute":"netdev_add",)"
                      R"("arguments":{"type":"user","id":"n","hostfwd":[{"str":"tcp::1-:1"}]}})"));
  seed("qmp", "human",
       test::bytes_of(
           "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"human-monitor-command\",\"arguments\":"
           "{\"command-line\":\"x/4xw 0\\n\",\"cpu-index\":1}}[\xff"));

  seed("http_response", "length", test::bytes_of("\x05HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  seed("http_response", "chunks",
       test::bytes_of("\x07HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: x, chunked\r\n"
                      "Connection: close\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"));
  seed("fleet_api", "scale", test::bytes_of("PATCH\n/v1/fleet\napplication/json\n\n{\"scale\":{\"web\":5}}"));
  seed("fleet_api", "logs", test::bytes_of("GET\n/v1/devices/web-0/logs?tail=2&follow=true\n\n\n"));
  seed("fleet_api", "console", test::bytes_of("GET\n/v1/devices/web%2D0/console?tail=1\n\n\ninput"));
  seed("fleet_api", "events", test::bytes_of("GET\n/v1/events\n\n7\n"));
  seed("fleet_api", "metrics", test::bytes_of("GET\n/metrics?devices=true\n\n\n"));

  // A DHCPDISCOVER, and a query for the address of w.lab.
  Bytes discover(1 + 236);
  discover[1] = discover[2] = 1;
  discover[3] = 6;
  discover.insert(discover.end(), {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 50, 4, 10, 1, 0, 16, 255});
  seed("lan_services", "discover", discover);
  for (const std::uint8_t to : {1, 2})
    seed("lan_services", to == 1 ? "query" : "query_closed",
         {to, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'w', 3, 'l', 'a', 'b', 0, 0, 1, 0, 1});

  Bytes table = partition_table_bytes(test::make_table());
  table.resize(6 * kPartitionEntrySize);
  table.insert(table.begin(), 1);
  seed("partition_table", "with_md5", table);
  PartitionTable plain = test::make_table();
  plain.has_md5 = false;
  table = partition_table_bytes(plain);
  table.resize(5 * kPartitionEntrySize);
  table.insert(table.begin(), 4);
  seed("partition_table", "without_md5", table);

  Bytes nvs =
      nvs_partition(
          {{.space = "app", .key = "name", .type = NvsType::kString, .data = test::bytes_of("sensor")},
           {.space = "app", .key = "key", .type = NvsType::kBlob, .data = Bytes(70, 7)},
           {.space = "wifi", .key = "channel", .type = NvsType::kI8, .number = 6}},
          kNvsSmallestPages * kNvsPageSize)
          .value();
  nvs.resize(500);
  for (const std::uint8_t repaired : {std::uint8_t{0}, std::uint8_t{1}}) {
    nvs.insert(nvs.begin(), repaired);
    seed("nvs", repaired != 0 ? "repaired" : "plain", nvs);
    nvs.erase(nvs.begin());
  }
  seed("nvs", "csv", test::bytes_of("\x01key,type,encoding,value\napp,namespace,,\nkey,data,hex2bin,00ff\n"));

  Bytes bootloader = test::make_idf_bootloader();
  seed("flash_merger", "flash_args",
       list_and_files("--flash_mode dio --flash_freq 80m --flash_size 4MB\n0x1000 boot.bin\n", bootloader));
  seed("flash_merger", "flasher_args_json",
       list_and_files(
           R"({"flash_settings":{"flash_mode":"dio","flash_size":"detect"},"flash_files":{"0x1000":"a",)"
           R"("0x8000":"b"},"extra_esptool_args":{"chip":"esp32"}})",
           bootloader));

  seed(
      "elf", "program",
      test::make_elf(
          {{.name = ".text", .address = 0x40080000, .data = Bytes(32, 1), .flags = SHF_ALLOC | SHF_EXECINSTR},
           {.name = ".rodata", .address = 0x3f400020, .data = Bytes(16, 2)},
           {.name = ".bss", .address = 0x3ffb0000, .type = SHT_NOBITS, .bss_size = 64}},
          {{.name = "main", .value = 0x40080004, .size = 8}}, {{0x40080000, 0x40080000, Bytes(8, 3)}}));
}
