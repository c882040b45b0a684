#include "fleet/api/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "fleet/api/http_client.h"
#include "fleet/api/testing/eventually.h"
#include "fleet/api/testing/raw_client.h"

namespace espalier::fleet::api {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

class HttpServer : public ::testing::Test {
 protected:
  HttpServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "espalier.XXXXXX").string();
    folder = mkdtemp(pattern.data());
    path = folder / "api.sock";
    options.handler_threads = 2;
    options.on_served = [this](const Served& one) {
      const std::lock_guard lock(mutex);
      served.push_back(one);
    };
    router.add({.method = "GET", .pattern = "/hello", .handler = [](const Request& request) {
                  const auto name = request.query.find("name");
                  return Response{.content_type = "text/plain",
                                  .body = "Hello " + (name == request.query.end() ? "world" : name->second)};
                }});
    router.add({.method = "POST", .pattern = "/echo", .handler = [](const Request& request) {
                  return Response{.content_type = "text/plain", .body = request.body};
                }});
    router.add({.method = "DELETE", .pattern = "/echo", .handler = [](const Request&) {
                  return Response{.status = 204};
                }});
    router.add({.method = "GET", .pattern = "/throws", .handler = [](const Request&) -> Response {
                  throw std::runtime_error("broken");
                }});
    router.add({.method = "GET", .pattern = "/stream", .handler = [this](const Request& request) {
                  auto stream = std::make_shared<Stream>(1 << 16);
                  if (request.query.contains("heartbeat")) stream->set_heartbeat("<beat>");
                  const std::lock_guard lock(mutex);
                  streams.push_back(stream);
                  return Response{.content_type = "text/plain", .body = "first;", .stream = stream};
                }});
    router.add({.method = "GET",
                .pattern = "/socket",
                .handler =
                    [this](const Request& request) {
                      if (request.query.contains("none")) return problem(404, "there is no socket");
                      auto stream = std::make_shared<Stream>(1 << 16);
                      stream->set_input([this, stream](std::span<const std::uint8_t> bytes) -> std::size_t {
                        if (!taking) return 0;
                        const std::size_t size = std::min<std::size_t>(bytes.size(), 3);
                        stream->send({reinterpret_cast<const char*>(bytes.data()), size});
                        return size;
                      });
                      const std::lock_guard lock(mutex);
                      streams.push_back(stream);
                      return Response{.stream = stream};
                    },
                .websocket = true});
    router.add({.method = "GET",
                .pattern = "/open",
                .handler = [](const Request&) { return Response{}; },
                .open = true});
  }
  ~HttpServer() override {
    server.reset();
    // Input of a socket holds on to its stream.
    for (const auto& stream : streams) stream->set_input(nullptr);
    std::filesystem::remove_all(folder);
  }

  void start() {
    auto started = Server::start(router, {{.path = path}}, options);
    ASSERT_TRUE(started) << started.error();
    server = std::move(*started);
  }
  std::shared_ptr<Stream> stream(std::size_t index = 0) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return streams.size() > index;
    }));
    const std::lock_guard lock(mutex);
    return streams.at(index);
  }
  std::string ask(std::string_view bytes) {
    RawClient client(path);
    client.send(bytes);
    return client.read_all();
  }
  // The server is as it was, whatever was done to it.
  void expect_alive() {
    const auto answer = Client({.path = path}).request("GET", "/hello");
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->body, "Hello world");
  }

  std::filesystem::path folder;
  std::string path;
  Router router;
  ServerOptions options;
  std::mutex mutex;
  std::vector<std::shared_ptr<Stream>> streams;
  std::vector<Served> served;
  std::atomic<bool> taking = true;
  std::unique_ptr<Server> server;
};

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpServer, AnswersAndTellsWhatItHasAnswered) {
  start();
  const Client client({.path = path});
  const auto answer = client.request("GET", "/hello?name=a%20b");
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(answer->body, "Hello a b");
  EXPECT_EQ(answer->headers.find("content-type")->second, "text/plain");
  EXPECT_EQ(client.request("POST", "/echo", std::string(100'000, 'x'))->body, std::string(100'000, 'x'));
  EXPECT_EQ(client.request("DELETE", "/echo")->status, 204u);
  EXPECT_EQ(client.request("GET", "/nothing")->status, 404u);
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return served.size() == 4;
  }));
  EXPECT_EQ(served[0].route, "/hello");
  EXPECT_EQ(served[1].method, "POST");
  EXPECT_EQ(served[2].status, 204u);
  EXPECT_EQ(served[3].route, "");
  EXPECT_EQ(served[3].status, 404u);
  EXPECT_GT(served[0].time.count(), 0);
}

TEST_F(HttpServer, OneConnectionHasManyRequestsPipelinedOnesToo) {
  start();
  RawClient client(path);
  client.send(std::string(kGet) + std::string(kGet));
  EXPECT_THAT(client.read_until("Hello world"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.read_until("Hello world"), StartsWith("HTTP/1.1 200 OK\r\n"));
  client.send(kGet);
  EXPECT_THAT(client.read_until("Hello world"), StartsWith("HTTP/1.1 200 OK\r\n"));
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("Hello world"));
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpServer, OldClientsAndThoseThatAskForTheHeaderOnly) {
  start();
  EXPECT_THAT(ask("GET /hello HTTP/1.0\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.0 200 OK"), HasSubstr("Hello world")));
  RawClient client(path);
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = client.read_all();
  EXPECT_THAT(head, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Hello")));
  // Where the answer has no end, either.
  RawClient endless(path);
  endless.send("HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(endless.read_all(), AllOf(StartsWith("HTTP/1.1 200 OK"), Not(HasSubstr("first"))));
  EXPECT_FALSE(stream()->open());
  // And one before which a proxy's name stands.
  EXPECT_THAT(ask("GET http://somewhere/hello?name=x HTTP/1.0\r\n\r\n"), HasSubstr("Hello x"));
}

TEST_F(HttpServer, AClientThatAsksFirstMaySendItsBody) {
  start();
  RawClient client(path);
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_THAT(client.read_until("body"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServer, ErrorsAreProblemObjects) {
  start();
  const Client client({.path = path});
  const auto none = client.request("GET", "/nothing");
  EXPECT_EQ(none->headers.find("content-type")->second, "application/problem+json");
  EXPECT_EQ(
      none->body,
      R"({"type":"about:blank","title":"Not Found","status":404,"detail":"there is nothing at this path; )"
      R"(/v1/openapi.json tells what there is"})"
      "\n");
  const auto wrong = client.request("PUT", "/echo");
  EXPECT_EQ(wrong->status, 405u);
  EXPECT_EQ(wrong->headers.find("allow")->second, "POST, DELETE");
  EXPECT_EQ(client.request("GET", "/hello?a=%zz")->status, 400u);
  const auto thrown = client.request("GET", "/throws");
  EXPECT_EQ(thrown->status, 500u);
  EXPECT_EQ(thrown->error(), "broken");
  const auto plain = client.request("GET", "/socket");
  EXPECT_EQ(plain->status, 426u);
  EXPECT_EQ(plain->headers.find("upgrade")->second, "websocket");
  expect_alive();
}

TEST_F(HttpServer, NonsenseIsRefused) {
  start();
  for (const std::string_view bytes :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "\x16\x03\x01\x02\x03\x01\xfc\x03\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    EXPECT_THAT(ask(bytes),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request"), HasSubstr("not a valid HTTP request")))
        << bytes;
  }
  EXPECT_THAT(ask("GET * HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 404"));
  expect_alive();
}

TEST_F(HttpServer, LongRequestsAreRefusedAndSenderGetsToReadWhy) {
  options.header_limit = 2000;
  options.body_limit = 10'000;
  start();
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(3000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 Request Header Fields Too Large"));
  const Client client({.path = path});
  EXPECT_EQ(client.request("POST", "/echo", std::string(10'000, 'x'))->status, 200u);
  const auto long_one = client.request("POST", "/echo", std::string(3'000'000, 'x'));
  ASSERT_TRUE(long_one) << long_one.error();
  EXPECT_EQ(long_one->status, 413u);
  // One that does not say how long it is.
  RawClient chunked(path);
  chunked.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2800\r\n");
  chunked.send(std::string(0x2800, 'x') + "\r\n0\r\n\r\n");
  EXPECT_THAT(chunked.read_all(), StartsWith("HTTP/1.1 413"));
  expect_alive();
}

TEST_F(HttpServer, SlowRequestsAndIdleConnectionsEnd) {
  options.request_timeout = 50ms;
  options.idle_timeout = 50ms;
  start();
  RawClient idle(path);
  RawClient slow(path);
  slow.send("GET /hello HT");
  RawClient slow_body(path);
  slow_body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_TRUE(slow.ended());
  EXPECT_EQ(slow_body.read_all(), "");
  EXPECT_TRUE(slow_body.ended());
  expect_alive();
}

TEST_F(HttpServer, ClientsThatVanishHurtNothing) {
  start();
  const std::string post =
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  for (std::size_t size = 0; size <= post.size(); size += 13) {
    RawClient client(path);
    client.send(std::string_view(post).substr(0, size));
    client.drop();
  }
  for (int i = 0; i < 20; ++i) {
    RawClient client(path);
    client.send(i % 2 ? "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" : kGet);
    client.drop();
  }
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return streams.size() == 10 && std::ranges::none_of(streams, [](const auto& s) { return s->open(); });
  }));
  expect_alive();
}

TEST_F(HttpServer, OnTcpOnlyWhoKnowsTheToken) {
  auto started = Server::start(router, {{.tcp = {.address = "127.0.0.1"}, .token = "secret"}}, options);
  ASSERT_TRUE(started) << started.error();
  Endpoint endpoint = (*started)->endpoints()[0];
  EXPECT_NE(endpoint.tcp.port, 0);
  EXPECT_EQ(Client(endpoint).request("GET", "/hello")->status, 200u);
  for (const char* token : {"", "secre", "secret2", "Secret"}) {
    endpoint.token = token;
    const auto answer = Client(endpoint).request("POST", "/echo", "body");
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, 401u) << token;
    EXPECT_EQ(answer->headers.find("www-authenticate")->second, "Bearer");
    EXPECT_EQ(Client(endpoint).request("GET", "/nothing")->status, 401u);
    EXPECT_EQ(Client(endpoint).request("GET", "/open")->status, 200u);
    EXPECT_EQ(Client(endpoint).request("POST", "/open")->status, 401u);
    EXPECT_THAT(SocketClient::connect(endpoint, "/socket", {}).error(), HasSubstr("wants its token"));
  }
}

TEST_F(HttpServer, WhereItCannotListenItSaysWhy) {
  EXPECT_EQ(Server::start(router, {{.tcp = {.address = "127.0.0.1"}}}).error(),
            "cannot listen on http://127.0.0.1:0: the control API needs a token on TCP; on a Unix socket it "
            "needs none");
  start();
  EXPECT_EQ(Server::start(router, {{.path = path}}).error(),
            "cannot listen on unix:" + path + ": another program listens there");
  Endpoint tcp{.tcp = {.address = "127.0.0.1"}, .token = "x"};
  const auto first = Server::start(router, {tcp});
  tcp = (*first)->endpoints()[0];
  EXPECT_EQ(Server::start(router, {tcp}).error(),
            "cannot listen on " + tcp.name() + ": the port is in use; choose another one");
}

TEST_F(HttpServer, ItsSocketIsTheOwnersAndGoesWithIt) {
  start();
  struct stat st {};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_THAT(Client({.path = path}).request("GET", "/hello").error(), StartsWith("unix:" + path + ": "));
}

TEST_F(HttpServer, AnAnswerMayGoOn) {
  start();
  std::string received;
  auto reader = std::async(std::launch::async, [&] {
    return Client({.path = path}).stream("/stream", [&](std::string_view bytes) {
      received += bytes;
      return true;
    });
  });
  const auto to = stream();
  to->send("second;");
  to->send("third;");
  to->finish();
  const auto answer = reader.get();
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(received, "first;second;third;");
  EXPECT_EQ(answer->headers.find("transfer-encoding")->second, "chunked");
  // An error of a stream is an answer.
  EXPECT_EQ(Client({.path = path}).stream("/nothing", [](auto) { return true; })->status, 404u);
}

TEST_F(HttpServer, OldClientsGetStreamsWithoutChunks) {
  start();
  RawClient client(path);
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  stream()->send("second");
  EXPECT_THAT(client.read_until("first;second"), Not(HasSubstr("chunked")));
  stream()->finish();
  client.read_all();
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpServer, ASilentStreamBeats) {
  options.heartbeat = 20ms;
  start();
  RawClient client(path);
  client.send("GET /stream?heartbeat HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("<beat>");
  EXPECT_THAT(client.read_until("<beat>"), HasSubstr("<beat>"));
  stream()->send("news");
  EXPECT_THAT(client.read_until("news"), HasSubstr("news"));
  EXPECT_THAT(client.read_until("<beat>"), HasSubstr("<beat>"));
}

TEST_F(HttpServer, AReaderWhoGoesEndsTheStream) {
  start();
  RawClient client(path);
  client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("first;");
  const auto to = stream();
  EXPECT_TRUE(to->open());
  client.drop();
  EXPECT_TRUE(eventually([&] { return !to->open(); }));
}

TEST_F(HttpServer, ASlowReaderLosesTheStreamAndStallsNobody) {
  start();
  RawClient slow(path);
  slow.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  slow.read_until("first;");
  const auto to = stream();
  const std::string piece(1000, 'x');
  const auto begin = std::chrono::steady_clock::now();
  std::size_t sent = 0;
  while (to->send(piece) && sent < 100'000'000) sent += piece.size();
  EXPECT_LT(sent, 10'000'000u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  expect_alive();
  const std::string rest = slow.read_all();
  EXPECT_TRUE(slow.ended());
  EXPECT_FALSE(rest.ends_with("0\r\n\r\n"));  // no last chunk
  // And a client sees that the answer is not whole.
  auto reader = std::async(std::launch::async, [&] {
    return Client({.path = path}).stream("/stream", [&](std::string_view) {
      while (stream(1)->send(piece)) {
      }
      return true;
    });
  });
  EXPECT_THAT(reader.get().error(), HasSubstr("ended the answer in the middle"));
}

TEST_F(HttpServer, WebSocketsAreBothWays) {
  start();
  std::string received;
  std::atomic<bool> ended = false;
  auto socket = SocketClient::connect({.path = path}, "/socket",
                                      {.on_bytes =
                                           [&](std::string_view bytes) {
                                             const std::lock_guard lock(mutex);
                                             received += bytes;
                                           },
                                       .on_end = [&] { ended = true; }});
  ASSERT_TRUE(socket) << socket.error();
  const auto has = [&](std::string_view what) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return received == what;
    });
  };
  EXPECT_TRUE((*socket)->send(std::string("\0\xff", 2)));
  EXPECT_TRUE((*socket)->send("a longer one"));
  EXPECT_TRUE(
      has(std::string("\0\xff"
                      "a longer one",
                      14)));
  stream()->send("!");
  stream()->finish();
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_TRUE(
      has(std::string("\0\xff"
                      "a longer one!",
                      15)));
  EXPECT_FALSE((*socket)->send("more"));
  EXPECT_THAT(SocketClient::connect({.path = path}, "/socket?none", {}).error(),
              HasSubstr("there is no socket"));
}

TEST_F(HttpServer, AWebSocketWhoseInputIsNotTakenWaits) {
  taking = false;
  start();
  std::string received;
  auto socket = SocketClient::connect({.path = path}, "/socket", {.on_bytes = [&](std::string_view bytes) {
                                        const std::lock_guard lock(mutex);
                                        received += bytes;
                                      }});
  ASSERT_TRUE(socket) << socket.error();
  (*socket)->send("held back");
  (*socket)->send(" in order");
  std::this_thread::sleep_for(50ms);
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(received, "");
  }
  taking = true;
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return received == "held back in order";
  }));
}

TEST_F(HttpServer, ASlowReaderLosesItsWebSocket) {
  start();
  std::promise<void> reading;
  auto wait = reading.get_future().share();
  auto socket = SocketClient::connect({.path = path}, "/socket",
                                      {.on_bytes = [wait](std::string_view) { wait.wait(); }});
  ASSERT_TRUE(socket) << socket.error();
  const auto to = stream();
  const std::string piece(1000, 'x');
  std::size_t sent = 0;
  while (to->send(piece) && sent < 100'000'000) sent += piece.size();
  EXPECT_LT(sent, 10'000'000u);
  expect_alive();
  reading.set_value();
}

TEST_F(HttpServer, AWebSocketsNonsenseEndsItAndNothingElse) {
  start();
  RawClient client(path);
  client.send(
      "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Version: "
      "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 101 Switching Protocols"),
                                                   HasSubstr("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
  client.send(std::string(100, '\xff'));
  client.read_all();
  EXPECT_TRUE(client.ended());
  client.drop();
  EXPECT_TRUE(eventually([&] { return !stream()->open(); }));
  expect_alive();
}

TEST_F(HttpServer, TooManyConnectionsAreTurnedAway) {
  options.connections = 3;
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(path));
    clients.back()->send(kGet);
    EXPECT_THAT(clients.back()->read_until("Hello world"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(ask(""), StartsWith("HTTP/1.1 503 Service Unavailable"));
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    const auto answer = Client({.path = path}).request("GET", "/hello");
    return answer && answer->status == 200;
  }));
}

TEST_F(HttpServer, WhenItStopsAnswersUnderWayAreGivenAndStreamsEnd) {
  options.grace = 10s;
  std::promise<void> entered;
  std::promise<void> go;
  router.add({.method = "GET", .pattern = "/slow", .handler = [&](const Request&) {
                entered.set_value();
                go.get_future().wait();
                return Response{.body = "done"};
              }});
  start();
  RawClient idle(path);
  auto slow = std::async(std::launch::async, [&] { return Client({.path = path}).request("GET", "/slow"); });
  entered.get_future().wait();
  auto streamed = std::async(std::launch::async, [&] {
    return Client({.path = path}).stream("/stream", [](std::string_view) { return true; });
  });
  std::atomic<bool> ended = false;
  auto socket = SocketClient::connect({.path = path}, "/socket", {.on_end = [&] { ended = true; }});
  ASSERT_TRUE(socket) << socket.error();
  stream(0);
  stream(1);
  auto stopped = std::async(std::launch::async, [&] { server.reset(); });
  const auto whole = streamed.get();
  EXPECT_TRUE(whole) << whole.error();
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  go.set_value();
  const auto answer = slow.get();
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->body, "done");
  stopped.get();
  idle.read_all();
  EXPECT_TRUE(idle.ended());
}

TEST_F(HttpServer, WhoDoesNotReadCannotKeepItFromStopping) {
  options.grace = 100ms;
  const auto to = std::make_shared<Stream>(10'000'000);
  router.add({.method = "GET", .pattern = "/large", .handler = [&](const Request&) {
                return Response{.stream = to};
              }});
  start();
  RawClient client(path);
  client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("\r\n\r\n");
  // More than the socket holds.
  EXPECT_TRUE(to->send(std::string(5'000'000, 'x')));
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_FALSE(to->open());
}

}  // namespace
}  // namespace espalier::fleet::api
