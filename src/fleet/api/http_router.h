// Which handler answers a request: by its method and the pattern of its path.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fleet/api/http_message.h"

namespace espalier::fleet::api {

struct Route {
  std::string method;   // "GET"
  std::string pattern;  // "/v1/devices/{name}": a {NAME} is one segment, of any bytes but none
  Handler handler;
  bool websocket = false;  // what it answers is a socket
  bool open = false;       // answers without a token, too
};

class Router {
 public:
  void add(Route route) { routes_.push_back(std::make_shared<const Route>(std::move(route))); }
  const std::vector<std::shared_ptr<const Route>>& routes() const { return routes_; }

  struct Found {
    std::shared_ptr<const Route> route;
    Fields parameters;
  };
  struct NotFound {};
  struct WrongMethod {
    std::string allowed;  // "GET, DELETE"
  };
  // `path` as it was sent, without the query. A route for GET answers HEAD.
  std::variant<Found, NotFound, WrongMethod> find(std::string_view method, std::string_view path) const;

 private:
  std::vector<std::shared_ptr<const Route>> routes_;
};

// "a%20b" is "a b"; nothing where a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);
// The reverse, for one segment of a path or one value of a query.
std::string percent_encoded(std::string_view text);
// "a=1&b" is {a: 1, b: ""}; nothing where percent_decoded() is nothing.
std::optional<Fields> parse_query(std::string_view text);

}  // namespace espalier::fleet::api
