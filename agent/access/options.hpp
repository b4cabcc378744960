// The options of an agent, and the objects that its core uses but does not own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/terms/role.hpp"
#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/trust/register/store_clock.hpp"

namespace culvert::trust {
class StateStore;
}
namespace culvert::audit {
class Sink;
}

namespace culvert::agent {

struct PublishedService {  // a site agent serves services that configuration and policy both name
  std::string name;        // FQDN, or the first label of the FQDN
};

struct Options {
  Role role = Role::kDevice;
  std::string name;                  // the node's name, lower case (host name)
  std::optional<std::string> token;  // text of the token file; needed on the first start only
  std::string missing_token;         // the name of a token file that is not there; else empty
  std::optional<crypto::Hash> pinned_root;  // --root-hash: required at a site agent's first start
  std::vector<PublishedService> services;   // site agents
  Bytes server_issuer;                      // site agents: certificate of the server issuer, DER
  // Laptops: whether an issuer certificate (DER) is constrained to the site. Others are not shown.
  std::function<bool(ByteView certificate, const std::string& site)> sound_issuer;
  std::string lease_url;        // site agents: the customer's lease server; empty: none
  std::string coordinator;      // overrides the token's URL when not empty
  bool allow_loopback = false;  // loopback candidates, for one-machine demonstrations
  bool direct = true;           // false: relay only
  // Laptops: true: mesh packets are those of the host's own stack (TUN). Then the first packet of a
  // flow does what dial() does, refused packets are answered, and ended flows are reset.
  bool host_stack = false;
};

// Objects that the core uses and does not own; all of them outlive the core.
struct Environment {
  trust::StateStore& site_store;  // floors, tombstones, claims, lock, last verified notes
  trust::StateStore& node_store;  // this node's keys and serial; per agent
  audit::Sink& audit;
  Rng& rng;
  trust::BootId boot = {};  // id of this machine's boot; zero: unknown
};

}  // namespace culvert::agent
