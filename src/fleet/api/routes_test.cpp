#include "fleet/api/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "fleet/api/http_client.h"
#include "fleet/api/openapi.h"
#include "fleet/api/testing/described_client.h"
#include "fleet/api/testing/eventually.h"
#include "fleet/api/testing/fake_control.h"
#include "fleet/api/testing/raw_client.h"
#include "fleet/api/to_json.h"

namespace espalier::fleet::api {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::DescribedClient;
using ::testing::Each;
using testing::eventually;
using testing::FakeControl;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

class FleetApi : public ::testing::Test {
 protected:
  FleetApi() {
    std::string pattern = (std::filesystem::temp_directory_path() / "espalier.XXXXXX").string();
    folder = mkdtemp(pattern.data());
    endpoint.path = folder / "api.sock";
    auto started = serve(control, {endpoint, {.tcp = {.address = "127.0.0.1"}, .token = "secret"}});
    if (!started) throw std::runtime_error(started.error());
    server = std::move(*started);
  }
  ~FleetApi() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }

  std::string problem_of(std::string_view method, std::string_view target, std::string body = {}) {
    const Answer answer = client().request(method, target, std::move(body));
    return std::to_string(answer.status) + " " + answer.error();
  }
  DescribedClient client() { return DescribedClient(endpoint); }
  // A stream's bytes as they come, until the reader is told to stop.
  std::string request_text(std::string_view target, std::string_view fields = "") {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
  }

  std::filesystem::path folder;
  Endpoint endpoint;
  FakeControl control;
  std::unique_ptr<Server> server;
};

TEST_F(FleetApi, DevicesAreSavedAndCloned) {
  const Answer saved = client().request("GET", "/v1/devices/web-0/snapshot");
  EXPECT_EQ(saved.status, 200u);
  EXPECT_EQ(saved.body, "SNAP");
  EXPECT_EQ(
      client().json("POST", "/v1/devices/web-0/clones", R"({"count":3,"group":"warm","ports":["9000+:80"]})"),
      Json::parse(R"({"name":"warm","source":"clone of web-0 9000+:80","count":3})"));
  EXPECT_EQ(client().request("POST", "/v1/devices/web-0/clones", R"({"count":1})").status, 202u);
  EXPECT_THAT(problem_of("POST", "/v1/devices/web-0/clones", R"({"count":0})"), HasSubstr("400 "));
  EXPECT_THAT(problem_of("POST", "/v1/devices/web-0/clones", "{}"), HasSubstr("400 "));
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-9/clones", R"({"count":1})"), "404 there is no device web-9");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-9/snapshot"), "404 there is no device web-9");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/snapshot?x=1"),
            "400 /v1/devices/{name}/snapshot has no query parameter \"x\"");
}

TEST_F(FleetApi, WhatTheFleetIs) {
  const Json fleet = client().json("GET", "/v1/fleet");
  EXPECT_EQ(fleet["name"], "test");
  EXPECT_EQ(fleet["groups"], Json::parse(R"([{"name":"odd","source":"/images/odd.bin","count":1},
                                             {"name":"web","source":"demo","count":2}])"));
  EXPECT_EQ(fleet["states"]["running"], 1);
  EXPECT_EQ(fleet["states"]["back-off"], 0);
  EXPECT_EQ(fleet["going_down"], false);
}

TEST_F(FleetApi, ScalesGroups) {
  const Answer answer = client().request("PATCH", "/v1/fleet", R"({"scale":{"web":5}})");
  EXPECT_EQ(answer.status, 202u);
  EXPECT_EQ(Json::parse(answer.body)["groups"][1]["count"], 5);
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{"none":5}})"), "404 there is no group none");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{"web":-1}})"),
            "400 the body: $.scale.web: is below 0");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{"web":1.5}})"),
            "400 the body: $.scale.web: is no integer");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{"web":99999999999999999999}})"),
            "400 the body: $.scale.web: is no integer");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{"web":1000001}})"),
            "400 the body: $.scale.web: is above 1000000");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":[1]})"), "400 the body: $.scale: is no object");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"web":5})"), "400 the body: $: has no \"scale\"");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", R"({"scale":{},"x":1})"),
            "400 the body: $: has a x that is not in the schema");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", "[]"), "400 the body: $: is no object");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet", "{\"scale\":"), "400 the body is not JSON");
  EXPECT_EQ(problem_of("PATCH", "/v1/fleet"), "415 the body has to be application/json");
  EXPECT_EQ(client().request("PATCH", "/v1/fleet", std::string(2 << 20, ' ')).status, 413u);
}

TEST_F(FleetApi, CablesAreMadeWorseAndBetter) {
  const std::string target = "/v1/devices/web-0/network";
  const Json good = client().json("GET", target);
  EXPECT_EQ(good["in"]["latency_ms"], 0);
  EXPECT_EQ(good["in"], good["out"]);
  const Answer answer = client().request(
      "PATCH", target,
      R"({"latency_ms":20.5,"jitter_ms":5,"loss":0.01,"duplicate":0.001,"reorder":0.25,"rate":1000000,"seed":7})");
  EXPECT_EQ(answer.status, 200u);
  const Json bad = Json::parse(answer.body);
  EXPECT_EQ(bad["in"], Json::parse(R"({"latency_ms":20.5,"jitter_ms":5.0,"loss":0.01,"duplicate":0.001,
                                       "reorder":0.25,"rate":1000000,"partition":false})"));
  EXPECT_EQ(bad["in"], bad["out"]);
  EXPECT_EQ(bad["seed"], 7);
  EXPECT_EQ(client().json("GET", "/v1/devices/web-0")["network"], bad);
  const Json deaf = Json::parse(
      client().request("PATCH", target, R"({"direction":"in","clear":true,"partition":true})").body);
  EXPECT_EQ(deaf["in"]["partition"], true);
  EXPECT_EQ(deaf["in"]["rate"], 0);
  EXPECT_EQ(deaf["out"], bad["out"]);
  EXPECT_EQ(problem_of("PATCH", target, R"({"loss":2})"), "400 the body: $.loss: is above 1");
  EXPECT_EQ(problem_of("PATCH", target, R"({"lag":2})"),
            "400 the body: $: has a lag that is not in the schema");
  EXPECT_EQ(problem_of("PATCH", target, R"({"latency_ms":3600001})"),
            "400 the body: $.latency_ms: is above 3600000");
  EXPECT_EQ(problem_of("PATCH", target), "415 the body has to be application/json");
  EXPECT_EQ(problem_of("PATCH", "/v1/devices/web-9/network", "{}"), "404 there is no device web-9");
  EXPECT_EQ(problem_of("GET", target + "?x=1"),
            "400 /v1/devices/{name}/network has no query parameter \"x\"");
}

TEST_F(FleetApi, FaultsAreCaused) {
  const std::string target = "/v1/devices/web-0/faults";
  const Answer cut =
      client().request("POST", target, R"({"kind":"power-cut","within":5000,"seed":7,"duration_ms":2.5})");
  EXPECT_EQ(cut.status, 202u);
  EXPECT_EQ(control.fault(), *host::parse_fault("power-cut,within=5000,seed=7,for=2500us"));
  EXPECT_EQ(client()
                .request("POST", target, R"({"kind":"bit-flip","memory":"flash","address":36864,"bit":3})")
                .status,
            202u);
  EXPECT_EQ(control.fault(), *host::parse_fault("bit-flip,memory=flash,address=0x9000,bit=3"));
  EXPECT_EQ(client().request("POST", target, R"({"kind":"clock-skew","ppm":-150.5})").status, 202u);
  EXPECT_EQ(control.fault(), *host::parse_fault("clock-skew,ppm=-150.5"));
  EXPECT_EQ(problem_of("POST", target, R"({"kind":"power-cut","bit":3})"),
            "400 power-cut: memory, address, bit and bits are bit-flip's");
  EXPECT_EQ(problem_of("POST", target, R"({"kind":"bit-flip","bits":5000})"),
            "400 the body: $.bits: is above 4096");
  EXPECT_EQ(problem_of("POST", target, "{}"), "400 the body: $: has no \"kind\"");
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-1/faults", R"({"kind":"power-cut"})"),
            "409 web-1 is not running");
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-9/faults", R"({"kind":"power-cut"})"),
            "404 there is no device web-9");
}

TEST_F(FleetApi, GoesDown) {
  EXPECT_EQ(client().json("GET", "/healthz")["status"], "ok");
  const Answer answer = client().request("DELETE", "/v1/fleet");
  EXPECT_EQ(answer.status, 202u);
  EXPECT_EQ(Json::parse(answer.body)["going_down"], true);
  EXPECT_TRUE(control.info().going_down);
  EXPECT_EQ(problem_of("GET", "/healthz"), "503 the fleet is going down");
}

TEST_F(FleetApi, ListsDevices) {
  const Json devices = client().json("GET", "/v1/devices");
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0]["exit_reason"], "out of \xEF\xBF\xBD");
  EXPECT_EQ(devices[0]["started"], nullptr);
  EXPECT_EQ(devices[1], client().json("GET", "/v1/devices/web-0"));
  EXPECT_EQ(devices[1]["ports"], Json::parse(R"([
      {"address":"127.0.0.1","host_port":8000,"guest_port":80,"protocol":"tcp"},
      {"address":"::1","host_port":5353,"guest_port":53,"protocol":"udp"}])"));
  EXPECT_EQ(devices[1]["exit_reason"], nullptr);
  EXPECT_EQ(devices[2]["restart"], "always");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-9"), "404 there is no device web-9");
  EXPECT_EQ(problem_of("GET", "/v1/devices/%ff"), "404 there is no device \xEF\xBF\xBD");
}

TEST_F(FleetApi, CommandsADevice) {
  EXPECT_EQ(client().json("POST", "/v1/devices/web-1/start")["state"], "running");
  EXPECT_EQ(client().json("POST", "/v1/devices/web-1/restart")["state"], "starting");
  EXPECT_EQ(client().json("POST", "/v1/devices/web-1/stop")["state"], "stopped");
  EXPECT_EQ(client().request("DELETE", "/v1/devices/web-1").status, 204u);
  EXPECT_EQ(problem_of("DELETE", "/v1/devices/web-1"), "404 there is no device web-1");
  for (const char* command : {"start", "stop", "restart"}) {
    const std::string target = std::string("/v1/devices/web-0/") + command;
    EXPECT_EQ(problem_of("GET", target).substr(0, 4), "405 ");
    control.fail_with(Error{Error::Kind::kConflict, "port 8000 is taken"});
    EXPECT_EQ(problem_of("POST", target), "409 port 8000 is taken");
    control.fail_with(Error{Error::Kind::kUnavailable, "no room"});
    EXPECT_EQ(problem_of("POST", target), "503 no room");
    control.fail_with(Error{Error::Kind::kInvalid, "no"});
    EXPECT_EQ(problem_of("POST", target), "400 no");
    control.fail_with({});
    EXPECT_EQ(problem_of("POST", std::string("/v1/devices/none/") + command), "404 there is no device none");
  }
}

TEST_F(FleetApi, ShowsLogs) {
  EXPECT_EQ(client().request("GET", "/v1/devices/web-0/logs").body, "one\ntwo\n");
  EXPECT_EQ(client().request("GET", "/v1/devices/web-0/logs?tail=1").body, "two\n");
  EXPECT_EQ(client().request("GET", "/v1/devices/web-0/logs?tail=0&follow=false").body, "");
  EXPECT_EQ(problem_of("GET", "/v1/devices/none/logs"), "404 there is no device none");
  EXPECT_EQ(problem_of("GET", "/v1/devices/none/logs?follow=true"), "404 there is no device none");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/logs?tail=x"), "400 tail: \"x\" is not a number from 0 on");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/logs?tail=-1"),
            "400 tail: \"-1\" is not a number from 0 on");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/logs?follow=yes"),
            "400 follow: \"yes\" is neither true nor false");
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/logs?lines=1"),
            "400 /v1/devices/{name}/logs has no query parameter \"lines\"");
  EXPECT_EQ(problem_of("GET", "/v1/fleet?=1"), "400 /v1/fleet has no query parameter \"\"");
}

TEST_F(FleetApi, FollowsLogsUntilTheDeviceIsRemoved) {
  RawClient reader(endpoint.path);
  reader.send(request_text("/v1/devices/web-0/logs?follow=true&tail=1"));
  EXPECT_THAT(reader.read_until("two\n"),
              AllOf(HasSubstr("text/plain; charset=utf-8"), Not(HasSubstr("one"))));
  control.show("web-1", "another's");
  control.show("web-0", "three\n");
  EXPECT_THAT(reader.read_until("three\n"), Not(HasSubstr("another's")));
  EXPECT_EQ(control.followers(), 1u);
  EXPECT_EQ(client().request("DELETE", "/v1/devices/web-0").status, 204u);
  EXPECT_THAT(reader.read_all(), HasSubstr("0\r\n\r\n"));
  EXPECT_TRUE(eventually([&] { return control.followers() == 0; }));
}

TEST_F(FleetApi, TypesInput) {
  EXPECT_EQ(client().request("POST", "/v1/devices/web-0/input", std::string("a\0\xff\r\n", 5)).status, 204u);
  EXPECT_EQ(control.typed(), std::string("a\0\xff\r\n", 5));
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-0/input"), "400 there are no bytes in the body");
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-1/input", "x"), "409 web-1 is not running");
  EXPECT_EQ(problem_of("POST", "/v1/devices/none/input", "x"), "404 there is no device none");
  EXPECT_EQ(problem_of("POST", "/v1/devices/web-0/input", std::string(70'000, 'x')),
            "503 web-0 does not take its input");
  EXPECT_EQ(client().request("POST", "/v1/devices/web-0/input", std::string(2 << 20, 'x')).status, 413u);
}

class Console {
 public:
  Console(const Endpoint& endpoint, std::string_view target) {
    auto connected = SocketClient::connect(endpoint, target,
                                           {.on_bytes =
                                                [this](std::string_view bytes) {
                                                  const std::lock_guard lock(mutex_);
                                                  received_ += bytes;
                                                },
                                            .on_end = [this] { ended_ = true; }});
    if (connected)
      socket = std::move(*connected);
    else
      error = connected.error();
  }
  bool shows(std::string_view text) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return received_ == text;
    });
  }
  bool ends() {
    return eventually([&] { return ended_.load(); });
  }
  std::string error;

 private:
  std::mutex mutex_;
  std::string received_;
  std::atomic<bool> ended_ = false;

 public:
  std::unique_ptr<SocketClient> socket;  // last: its thread uses the others
};

TEST_F(FleetApi, AConsoleIsBothWays) {
  Console console(endpoint, "/v1/devices/web-0/console");
  ASSERT_NE(console.socket, nullptr) << console.error;
  ASSERT_TRUE(eventually([&] { return control.followers() == 1; }));
  control.show("web-0", "> ");
  EXPECT_TRUE(console.shows("> "));
  EXPECT_TRUE(console.socket->send(std::string("help\0\r", 6)));
  std::string typed;
  EXPECT_TRUE(eventually([&] {
    typed += control.typed();
    return typed == std::string("help\0\r", 6);
  }));
  Console with_past(endpoint, "/v1/devices/web-0/console?tail=2");
  EXPECT_TRUE(with_past.shows("two\n> "));
  control.show("web-0", {});  // it has been removed
  EXPECT_TRUE(console.ends());
  EXPECT_TRUE(with_past.ends());
  EXPECT_TRUE(eventually([&] { return control.followers() == 0; }));
}

TEST_F(FleetApi, AConsolesInputWaitsForTheGuestButNotForAMachine) {
  control.set_room(10'000);
  Console console(endpoint, "/v1/devices/web-0/console");
  ASSERT_NE(console.socket, nullptr) << console.error;
  const std::string long_text(30'000, 'x');
  std::thread typist([&] { console.socket->send(long_text); });
  std::string typed;
  EXPECT_TRUE(eventually([&] {
    typed += control.typed();
    return typed.size() == long_text.size();
  }));
  EXPECT_EQ(typed, long_text);
  typist.join();
  // What is typed while nobody is there is lost.
  EXPECT_TRUE(control.stop("web-0"));
  console.socket->send("lost");
  // A second connection's answer comes behind it.
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(control.start("web-0"));
  console.socket->send("found");
  typed.clear();
  EXPECT_TRUE(eventually([&] {
    typed += control.typed();
    return typed == "found";
  })) << typed;
}

TEST_F(FleetApi, AConsoleThatThereIsNotIsNoWebSocket) {
  EXPECT_THAT(Console(endpoint, "/v1/devices/none/console").error, HasSubstr("there is no device none"));
  EXPECT_THAT(Console(endpoint, "/v1/devices/web-0/console?tail=x").error, HasSubstr("tail: \"x\""));
  EXPECT_EQ(problem_of("GET", "/v1/devices/web-0/console"), "426 this path is for WebSockets");
  EXPECT_EQ(control.followers(), 0u);
}

TEST_F(FleetApi, EventsComeAsTheyHappen) {
  control.tell(Event::Kind::kAdded, "web-0");
  control.tell(Event::Kind::kStarted, "web-0", "127.0.0.1:8000");
  RawClient reader(endpoint.path);
  reader.send(request_text("/v1/events?after=1"));
  EXPECT_THAT(
      reader.read_until("}\n\n"),
      AllOf(
          HasSubstr("Content-Type: text/event-stream\r\n"),
          HasSubstr("id: 2\ndata: {\"id\":2,\"time\":1764125000.5,\"kind\":\"started\",\"device\":\"web-0\","
                    "\"detail\":\"127.0.0.1:8000\"}\n\n"),
          Not(HasSubstr("id: 1\n"))));
  RawClient again(endpoint.path);
  again.send(request_text("/v1/events", "Last-Event-ID: 2\r\n"));
  again.read_until("\r\n\r\n");
  for (int kind = 0; kind <= static_cast<int>(Event::Kind::kDown); ++kind) {
    control.tell(static_cast<Event::Kind>(kind), kind % 2 ? "web-0" : "", "a \"line\"\xff\n");
    const std::string text = again.read_until("\n\n");
    const std::size_t at = text.find("data: ");
    ASSERT_NE(at, std::string::npos) << text;
    const std::string data = text.substr(at + 6, text.find('\n', at) - at - 6);
    EXPECT_EQ(openapi().violation(openapi_schema("Event"), Json::parse(data, nullptr, false)), std::nullopt)
        << data;
    EXPECT_THAT(text, HasSubstr("id: " + std::to_string(kind + 3) + "\n"));
  }
  EXPECT_EQ(problem_of("GET", "/v1/events?after=x"), "400 after: \"x\" is not a number from 0 on");
  RawClient wrong(endpoint.path);
  wrong.send(request_text("/v1/events", "Last-Event-ID: no\r\n"));
  EXPECT_THAT(wrong.read_until("}\n"),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("Last-Event-ID: \\\"no\\\"")));
  // Readers that go are forgotten.
  reader.drop();
  again.drop();
  EXPECT_TRUE(eventually([&] { return control.followers() == 0; }));
}

TEST_F(FleetApi, AReaderOfEventsWhoStopsReadingIsDroppedAndMayGoOn) {
  RawClient slow(endpoint.path);
  slow.send(request_text("/v1/events"));
  slow.read_until("\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return control.followers() == 1; }));
  const std::string detail(10'000, 'x');
  const auto begin = std::chrono::steady_clock::now();
  int told = 0;
  while (control.followers() == 1 && told < 3'000) {
    control.tell(Event::Kind::kPanic, "web-0", detail);
    ++told;
  }
  EXPECT_TRUE(eventually([&] { return control.followers() == 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
  slow.read_all();
  EXPECT_TRUE(slow.ended());
  RawClient again(endpoint.path);
  again.send(request_text("/v1/events?after=" + std::to_string(told - 1)));
  EXPECT_THAT(again.read_until("\n\n"), HasSubstr("id: " + std::to_string(told) + "\n"));
}

TEST_F(FleetApi, StatsTellWhatWasDone) {
  const Json stats = client().json("GET", "/v1/stats");
  EXPECT_EQ(stats["instructions"], 1'234'567'890'123);
  EXPECT_EQ(stats["cpu_seconds"], 2.5);
  EXPECT_EQ(stats["up_seconds"], 10.0);
  EXPECT_EQ(stats["workers"][0]["cpu_seconds"], 1.5);
  ASSERT_EQ(stats["devices"].size(), 3u);
  EXPECT_EQ(stats["devices"][1]["console_bytes"], 8);
  EXPECT_EQ(stats["devices"][1]["cpu_share"], 0.125);
  EXPECT_EQ(stats["devices"][1]["guest_seconds"], 9.0);
}

// Every line of the text format is a comment or a sample of a family that was announced, and no sample comes
// twice.
void expect_prometheus(const std::string& text) {
  std::set<std::string> families;
  std::set<std::string> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      families.insert(line.substr(7, line.find(' ', 7) - 7));
      continue;
    }
    if (line.starts_with("# HELP ")) continue;
    const std::size_t space = line.rfind(' ');
    const std::string name = line.substr(0, line.find_first_of("{ "));
    std::string family = name;
    for (const char* suffix : {"_bucket", "_sum", "_count"})
      if (name.ends_with(suffix) &&
          families.contains(name.substr(0, name.size() - std::string_view(suffix).size())))
        family = name.substr(0, name.size() - std::string_view(suffix).size());
    EXPECT_TRUE(families.contains(family)) << line;
    EXPECT_TRUE(samples.insert(line.substr(0, space)).second) << line;
    std::size_t end = 0;
    EXPECT_NO_THROW(std::stod(line.substr(space + 1), &end)) << line;
    EXPECT_EQ(end, line.size() - space - 1) << line;
  }
}

TEST_F(FleetApi, MetricsAreForPrometheus) {
  client().json("GET", "/v1/fleet");
  client().request("GET", "/v1/devices/none");
  client().request("GET", "/nothing/at/all");
  std::string text;
  ASSERT_TRUE(eventually([&] {
    text = client().request("GET", "/metrics").body;
    return text.find("route=\"\"") != std::string::npos;
  }));
  expect_prometheus(text);
  for (const char* line :
       {"# TYPE espalier_devices gauge\n", "espalier_devices{state=\"running\"} 1\n",
        "espalier_devices{state=\"back-off\"} 0\n", "espalier_fleet_info{fleet=\"test\",net=\"user\"} 1\n",
        "espalier_group_devices{group=\"web\"} 2\n", "espalier_guest_instructions_total 1234567890123\n",
        "espalier_guest_mips 0.25\n", "espalier_resets_total 1\n", "espalier_panics_total 2\n",
        "espalier_frames_total{direction=\"in\"} 4\n", "process_cpu_seconds_total 2.5\n",
        "process_resident_memory_bytes 1048576\n", "espalier_worker_cpu_seconds_total{worker=\"0\"} 1.5\n",
        "espalier_console_bytes 8\n",
        "espalier_api_requests_total{route=\"/v1/fleet\",method=\"GET\",status=\"200\"} 1\n",
        "espalier_api_requests_total{route=\"/v1/devices/{name}\",method=\"GET\",status=\"404\"} 1\n",
        "espalier_api_requests_total{route=\"\",method=\"\",status=\"404\"} 1\n",
        "espalier_api_request_duration_seconds_bucket{route=\"/v1/fleet\",method=\"GET\",le=\"+Inf\"} 1\n",
        "espalier_api_request_duration_seconds_count{route=\"/v1/fleet\",method=\"GET\"} 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("espalier_device_")));
  text = client().request("GET", "/metrics?devices=true").body;
  expect_prometheus(text);
  EXPECT_THAT(text, HasSubstr("espalier_device_running{device=\"web-0\",group=\"web\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("espalier_device_console_bytes_total{device=\"web-0\",group=\"web\"} 8\n"));
  EXPECT_EQ(problem_of("GET", "/metrics?devices=1"), "400 devices: \"1\" is neither true nor false");
}

TEST(ApiMetrics, BucketsCountWhatIsNotAboveThem) {
  ApiMetrics metrics;
  for (const double ms : {0.4, 0.5, 0.6, 20'000.0})
    metrics.add({.method = "GET",
                 .route = "/a\"b",
                 .status = 200,
                 .time = std::chrono::nanoseconds(static_cast<std::int64_t>(ms * 1e6))});
  const std::string text = metrics.text();
  expect_prometheus(text);
  const std::string labels = "{route=\"/a\\\"b\",method=\"GET\"";
  EXPECT_THAT(text, HasSubstr("_bucket" + labels + ",le=\"0.0005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("_bucket" + labels + ",le=\"0.001\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("_bucket" + labels + ",le=\"10\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("_bucket" + labels + ",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("_sum" + labels + "} 20.0015\n"));
}

TEST_F(FleetApi, ItsDescriptionIsServed) {
  const Answer answer = client().request("GET", "/v1/openapi.json");
  EXPECT_EQ(answer.body, openapi_text());
  EXPECT_EQ(Json::parse(answer.body)["openapi"], "3.1.0");
}

TEST_F(FleetApi, WithATokenEveryOperationWantsIt) {
  const Endpoint tcp = server->endpoints()[1];
  EXPECT_EQ(DescribedClient(tcp).json("GET", "/v1/fleet")["name"], "test");
  Endpoint stranger = tcp;
  for (const char* token : {"", "wrong"}) {
    stranger.token = token;
    for (const auto& [path, item] : openapi().root()["paths"].items())
      for (const auto& [method, operation] : item.items()) {
        if (method == "parameters") continue;
        std::string verb = method;
        for (char& c : verb) c = static_cast<char>(c - 'a' + 'A');
        EXPECT_EQ(DescribedClient(stranger).request(verb, path).status, path == "/healthz" ? 200u : 401u)
            << path;
      }
  }
  EXPECT_FALSE(control.info().going_down);
}

// Every method of every path: what is described has a route, what is not is refused.
TEST_F(FleetApi, RoutesAndDescriptionAreTheSame) {
  std::set<std::string> described;
  for (const auto& [path, item] : openapi().root()["paths"].items())
    for (const auto& [method, operation] : item.items())
      if (method != "parameters") described.insert(method + " " + path);
  std::set<std::string> routed;
  const Router router = make_router(control, std::make_shared<ApiMetrics>());
  for (const auto& route : router.routes()) {
    std::string method = route->method;
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    routed.insert(method + " " + route->pattern);
  }
  EXPECT_EQ(routed, described);
  for (const auto& [path, item] : openapi().root()["paths"].items())
    for (const char* method : {"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"}) {
      std::string key = method;
      for (char& c : key) c = static_cast<char>(c - 'A' + 'a');
      if (item.contains(key)) continue;
      const Answer answer = client().request(method, path);
      EXPECT_EQ(answer.status, 405u) << method << " " << path;
      EXPECT_NE(answer.headers.find("allow"), answer.headers.end());
    }
  for (const char* path : {"/", "/v1", "/v1/fleet/", "/v1/devices/", "/v1/devices/web-0/",
                           "/v1/devices/web-0/nowhere", "/v1/devices/a/b/logs", "/v2/fleet", "/.."})
    EXPECT_EQ(client().request("GET", path).status, 404u) << path;
}

// The document itself: its examples are what its schemas say, and every reference leads somewhere.
TEST(OpenApi, ExamplesFitTheirSchemas) {
  std::size_t examples = 0;
  const std::function<void(const Json&, const std::string&)> visit = [&](const Json& at,
                                                                         const std::string& where) {
    if (at.is_object() && at.contains("schema") && at.contains("examples"))
      for (const auto& [name, example] : at["examples"].items()) {
        EXPECT_EQ(openapi().violation(at["schema"], example.at("value")), std::nullopt)
            << where << " " << name;
        ++examples;
      }
    if (at.is_object() && at.contains("$ref")) {
      EXPECT_TRUE(openapi().root().contains(Json::json_pointer(at["$ref"].get<std::string>().substr(1))))
          << where << " " << at["$ref"];
    }
    if (at.is_structured())
      for (const auto& [key, value] : at.items()) visit(value, where + "/" + key);
  };
  visit(openapi().root(), "");
  EXPECT_GT(examples, 10u);
}

TEST(OpenApi, NamesOfTheFacadeAreTheDescriptions) {
  const Json& states = openapi_schema("DeviceState")["enum"];
  ASSERT_EQ(states.size(), static_cast<std::size_t>(DeviceState::kFailed) + 1);
  for (std::size_t i = 0; i < states.size(); ++i) EXPECT_EQ(states[i], name_of(static_cast<DeviceState>(i)));
  const Json& events = openapi_schema("Event")["properties"]["kind"]["enum"];
  ASSERT_EQ(events.size(), static_cast<std::size_t>(Event::Kind::kDown) + 1);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i], name_of(static_cast<Event::Kind>(i)));
}

}  // namespace
}  // namespace espalier::fleet::api
