// Chooses the upstream of a request: by host, then by the longest path prefix that ends at a
// segment's boundary ("/v1" and "/v1/" both take /v1 and /v1/x, never /v10).
//
// A route's host is written as the labels before the service's name: "" is the service itself,
// "admin" is admin.SERVICE. So no route can be for a name that the grant does not cover.
//
// The configuration (agent/shell/site_services.cpp) adds the routes; Exchange::judge() asks for
// each request.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxRoutes = 64;

class Routes {
 public:
  // `upstream`: an index into the service's upstreams. kInvalid: the host is no name, the path is
  // not normalised, the same host and path have a route already, or there are kMaxRoutes. The
  // message continues a sentence that begins with the route.
  Status add(std::string_view host, std::string_view path, std::size_t upstream);

  bool has_host(std::string_view host) const;
  std::optional<std::size_t> find(std::string_view host, std::string_view path) const;

 private:
  struct Route {
    std::string host;
    std::string path;  // without the last '/'; "": every path
    std::size_t upstream;
  };
  std::vector<Route> routes_;
};

// The labels of `name` before `.service`; "" for the service itself; nothing for other names.
std::optional<std::string_view> host_of(std::string_view name, std::string_view service);

}  // namespace culvert::http
