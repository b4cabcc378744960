// This node's five keys, all different, made once and kept in the node store (0600).
#pragma once

#include <optional>

#include "agent/store/own_store.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/store.hpp"

namespace culvert::agent {

struct NodeKeys {
  crypto::SigningKey identity;
  crypto::KeyPair<crypto::WireGuardKey> wireguard;
  crypto::KeyPair<crypto::ControlKey> control;
  crypto::KeyPair<crypto::RelayKey> relay;
  crypto::KeyPair<crypto::DiscoKey> disco;

  static NodeKeys generate(Rng& rng);
  void name_in(trust::Node& node) const;  // writes the public keys into `node`
};

// Nothing: no keys are stored yet.
Result<std::optional<NodeKeys>> load_keys(OwnStore& store, std::string_view name = "keys");
Status save_keys(OwnStore& store, const NodeKeys& keys, std::string_view name = "keys");

}  // namespace culvert::agent
