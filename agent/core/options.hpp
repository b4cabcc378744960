// What a core is started with, and what it uses and does not own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/trust/store_clock.hpp"

namespace culvert::trust {
class StateStore;
}
namespace culvert::audit {
class Sink;
}

namespace culvert::agent {

enum class Role { kSite, kDevice };

struct PublishedService {  // a site agent serves what its configuration and the policy both name
  std::string name;        // FQDN, or its first label
};

struct Options {
  Role role = Role::kDevice;
  std::string name;                  // the node's name, lower case (host name)
  std::optional<std::string> token;  // text of the token file; needed on the first start only
  std::optional<crypto::Hash> pinned_root;  // --root-hash: required of a site agent's first start
  std::vector<PublishedService> services;   // site agents
  Bytes server_issuer;                      // site agents: its certificate, DER
  // Laptops: is this issuer certificate (DER) constrained to that site? Others are not shown.
  std::function<bool(ByteView certificate, const std::string& site)> sound_issuer;
  std::string lease_url;        // site agents: the customer's lease server; empty: none
  std::string coordinator;      // overrides the token's URL when not empty
  bool allow_loopback = false;  // loopback candidates, for one-machine demonstrations
  bool direct = true;           // false: relay only
  // Laptops: mesh packets are the host's own (TUN). A flow's first packet then does what dial()
  // does; what is refused is answered, and ended flows are reset.
  bool host_stack = false;
};

// What the core uses and does not own; all outlive it.
struct Environment {
  trust::StateStore& site_store;  // floors, tombstones, claims, lock, last verified notes
  trust::StateStore& node_store;  // this node's keys and serial; per agent
  audit::Sink& audit;
  Rng& rng;
  trust::BootId boot = {};  // of this machine; zero: unknown
};

}  // namespace culvert::agent
