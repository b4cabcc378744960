#include "proto/path/path_context.hpp"

#include "proto/core/mesh_prefix.hpp"

namespace culvert::path {

bool PathContext::usable(const Endpoint& endpoint) const {
  const auto& a = endpoint.address;
  if (endpoint.port == 0 || a.is_unspecified() || a.is_link_local()) return false;
  if (a.is_loopback()) return allow_loopback;
  if (a.is_v4()) return a.bytes[12] != 0 && a.bytes[12] < 224;  // RFC 1122 §3.2.1.3, RFC 5771
  return a.bytes[0] != 0xff && !is_mesh_address(a);
}

}  // namespace culvert::path
