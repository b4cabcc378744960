// What Mesh is told at the start: what this node is, and its keys.
#pragma once

#include "agent/terms/role.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::agent {

struct MeshOptions {
  Role role = Role::kDevice;
  IpAddress address;            // this node's own address in the mesh
  bool allow_loopback = false;  // loopback candidates, for one-machine demonstrations
  bool direct = true;           // false: relay only
  // Laptops: mesh packets are those of the host's own stack (TUN). Then Mesh asks the gate about
  // each flow that begins, answers refused packets, and resets flows that end.
  bool host_stack = false;
};

struct MeshKeys {
  crypto::KeyPair<crypto::WireGuardKey> wireguard;
  crypto::KeyPair<crypto::DiscoKey> disco;
  crypto::KeyPair<crypto::RelayKey> relay;
};

}  // namespace culvert::agent
