#include "agent/http/routes.hpp"
#include "proto/http/path.hpp"

#include <algorithm>

namespace culvert::http {
namespace {

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}
bool are_labels(std::string_view text) {
  while (true) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

Status Routes::add(std::string_view host, std::string_view path, std::size_t upstream) {
  if (!host.empty() && !are_labels(host)) {
    return fail(ErrorCode::kInvalid, "must be lower-case labels before the service's name");
  }
  const auto normal = normal_path(path);
  if (!normal || *normal != path) {
    return fail(ErrorCode::kInvalid, "must be a plain path prefix such as / or /v1/");
  }
  if (path.ends_with('/')) path.remove_suffix(1);
  const bool twice = std::any_of(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.host == host && route.path == path;
  });
  if (twice) return fail(ErrorCode::kInvalid, "has a route already");
  if (routes_.size() >= kMaxRoutes) {
    return fail(ErrorCode::kInvalid,
                "is one route too many (at most " + std::to_string(kMaxRoutes) + ")");
  }
  routes_.push_back({std::string(host), std::string(path), upstream});
  return {};
}

bool Routes::has_host(std::string_view host) const {
  return std::any_of(routes_.begin(), routes_.end(),
                     [&](const Route& route) { return route.host == host; });
}

std::optional<std::size_t> Routes::find(std::string_view host, std::string_view path) const {
  const Route* best = nullptr;
  for (const Route& route : routes_) {
    const bool fits = route.host == host && path.starts_with(route.path) &&
                      (path.size() == route.path.size() || path[route.path.size()] == '/');
    if (fits && (best == nullptr || route.path.size() > best->path.size())) best = &route;
  }
  if (best == nullptr) return std::nullopt;
  return best->upstream;
}

std::optional<std::string_view> host_of(std::string_view name, std::string_view service) {
  if (name == service) return std::string_view();
  const auto labels = name.size() > service.size() ? name.size() - service.size() - 1 : 0;
  if (labels == 0 || !name.ends_with(service) || name[labels] != '.') return std::nullopt;
  return name.substr(0, labels);
}

}  // namespace culvert::http
