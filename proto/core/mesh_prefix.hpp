// The addresses of the mesh: one /48 of unique local addresses (RFC 4193) for all meshes. Which
// address belongs to which node or service: proto/trust/statements/names.hpp.
#pragma once

#include "proto/core/prefix.hpp"

namespace culvert {

constexpr std::array<std::uint8_t, 6> kMeshPrefix = {0xfd, 0x63, 0x75, 0x6c, 0x76, 0x65};

inline Prefix mesh_prefix() {  // fd63:756c:7665::/48
  Prefix out;
  std::copy(kMeshPrefix.begin(), kMeshPrefix.end(), out.address.bytes.begin());
  out.length = 8 * kMeshPrefix.size();
  return out;
}
inline bool is_mesh_address(const IpAddress& address) { return mesh_prefix().contains(address); }

}  // namespace culvert
