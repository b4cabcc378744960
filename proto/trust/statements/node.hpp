// A node: an agent in a site, or a person's device. Signed by the node's identity key; a device
// also by a device-admission key of the vendor root. An agent's statement names the note that
// enrolled the agent (enrolled.hpp). The agent issues its next statements without help until the
// enrolment's renew-until.
//
//   culvert/node/v1                       culvert/node/v1
//   kind: agent                           kind: device
//   site: <fqdn>                          vendor-id: sha256:…
//   site-id: sha256:…                     name: <label>
//   name: <label>                         serial: <n>
//   serial: <n>                           identity: ed25519:…
//   identity: ed25519:…                   wireguard: x25519:…
//   wireguard: x25519:…                   control: x25519:…
//   control: x25519:…                     relay: x25519:…
//   relay: x25519:…                       disco: x25519:…
//   disco: x25519:…                       person: <person>
//   enrolled: sha256:…                    group: <label>      0 to 16, sorted
//   tag: <label>       1 to 8, sorted     issued: <time>
//   issued: <time>                        expires: <time>     at most 720 h later
//   expires: <time>    at most 30 d later
//
// The statement with the highest serial counts. All keys of a node differ. Each of the five keys
// belongs to the first identity that had the key.
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxGroups = 16;
constexpr std::chrono::seconds kMaxAgentLife{30 * 24 * 3600};
constexpr std::chrono::seconds kMaxDeviceLife{720 * 3600};     // what the format allows
constexpr std::chrono::seconds kDefaultDeviceLife{24 * 3600};  // what a laptop asks for

struct Root;

enum class NodeKind { kAgent, kDevice };

struct Node {
  static constexpr std::string_view kType = "culvert/node/v1";

  NodeKind kind = NodeKind::kDevice;
  SiteRef site;        // agent
  VendorId vendor_id;  // device
  Label name;
  std::uint64_t serial = 1;
  IdentityKey identity;
  crypto::WireGuardKey wireguard;
  crypto::ControlKey control;
  crypto::RelayKey relay;
  crypto::DiscoKey disco;
  Hash enrolled;              // agent: hash of the note that enrolled the agent
  std::vector<Label> tags;    // agent
  Person person;              // device
  std::vector<Label> groups;  // device
  WallTime issued;
  WallTime expires;

  static Result<Node> parse(std::string_view text);
  std::string render() const;

  IpAddress address() const { return node_address(identity); }
  bool has_tag(const Label& tag) const;
  bool in_group(const Label& group) const;
  friend bool operator==(const Node&, const Node&) = default;
};

// How long a device's statement may live under this vendor root; null: no vendor root is known yet.
std::chrono::seconds device_life(const Root* vendor);

// Verifies the signature by the node's own identity key. The key that admits the node need not have
// signed yet.
Result<Node> verify_self_signed(const note::Note& note);

}  // namespace culvert::trust
