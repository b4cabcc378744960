// The oracle knows what must be true at every step. It judges by what people did, not by what the
// programs believe. Rules:
//
//   delivered     an inner packet reached a stack: never twice, and at that host some grant for
//                 exactly this pair is in force: signed by both sides, not over, and not cut for
//                 longer than the bound allows
//   sent          a datagram or relay packet left an agent: no WireGuard (receiver, counter) twice
//                 with different bytes, and no readable content
//   acknowledged  a statement that the coordinator has confirmed: stays in the store for ever
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "tests/sim/network.hpp"

namespace culvert::sim {

inline constexpr Duration kOnlineCut = 2s;  // between the coordinator's answer and the last packet
inline constexpr Duration kAuditCut = 30s;  // from the first failing write
inline constexpr const char* kPlainMark = "CULVERT-SIM-PLAINTEXT";

struct Pair {
  IpAddress device;
  Endpoint service;
  friend auto operator<=>(const Pair&, const Pair&) = default;
};

class Oracle {
 public:
  explicit Oracle(Duration lease) : lease_(lease) {}

  // --- what people do ---
  void requested(const std::string& grant, const Pair& pair, WallTime begins, WallTime ends);
  // A site's agent has accepted an opening: the grant ends by that agent's clock at `ends`.
  void claimed(const std::string& grant, HostId host, WallTime ends);
  // A laptop stops using the grant at `ends`; after that the grant need not work.
  void laptop_ends(const std::string& grant, WallTime ends);
  void approved(Instant now, const std::string& grant, bool customer);
  void ending(const std::string& grant);                // a person has asked for the grant's end
  void revoked(Instant now, const std::string& grant);  // the coordinator has confirmed
  void denied(const std::string& grant, HostId host);   // locally, at once
  void set_locked(HostId host, bool locked);
  void acknowledged(const crypto::Hash& statement, std::string signer);
  void asked(Instant then, const std::string& grant) { asked_[grant] = then; }
  // Grants of this device or service from before `now` need no longer work: wrong clocks may have
  // ended them.
  void void_before(const IpAddress& party, Instant now) { voided_[party] = now; }

  // --- what the world does ---
  void set_connected(Instant now, HostId host, bool reached, bool connected);
  void set_audit(Instant now, HostId host, bool failing);

  void clock_set(Instant now, HostId host) { hosts_[host].clock_set = now; }
  void restarted(HostId host);  // the memory of the process is lost
  void forgets(HostId host);    // the denials and locks on disk are lost

  // --- what the programs do ---
  // `number`: chosen by the sender, never used twice in this direction of `pair`.
  void delivered(Instant now, WallTime wall, HostId host, const std::string& name, const Pair& pair,
                 std::uint32_t number);
  void sent(HostId host, const std::string& name, ByteView bytes);

  // Whether every program must treat the grant as in force.
  bool in_force(WallTime wall, const Pair& pair) const;
  std::vector<std::string> grants_of(const Pair& pair) const;
  bool live(WallTime wall, const std::string& grant) const;
  const std::map<crypto::Hash, std::set<std::string>>& acknowledged_notes() const {
    return acknowledged_;
  }
  void violation(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }
  std::uint64_t deliveries() const { return seen_.size(); }

 private:
  struct Facts {
    Pair pair;
    WallTime begins;
    WallTime ends;                      // the latest end that the grant can have
    WallTime claimed_end;               // the earliest end by any claim; no claim: `ends`
    std::map<HostId, WallTime> claims;  // the end by each agent's own claim
    bool vendor = false;
    bool customer = false;
    bool ending = false;
    std::optional<Instant> revoked;
    std::set<HostId> connected_then;  // connected at the revocation and since
    std::set<HostId> denied;
    // The boot clock of a host's process, measured by the wall clock of its first packet.
    std::map<HostId, Instant> boot_ends;
  };
  struct HostFacts {
    bool connected = false;
    bool locked = false;
    std::optional<Instant> unreached_since;
    std::optional<Instant> audit_failing;
    std::optional<Instant> clock_set;
  };

  std::optional<std::string> refusal(Instant now, WallTime wall, HostId host, Facts& facts);

  Duration lease_;
  std::map<std::string, Facts> grants_;
  std::map<std::string, Instant> asked_;
  std::map<IpAddress, Instant> voided_;
  std::map<HostId, HostFacts> hosts_;
  std::map<std::tuple<HostId, std::uint32_t, std::uint64_t>, Bytes> sealed_;
  std::map<crypto::Hash, std::set<std::string>> acknowledged_;
  std::vector<std::string> violations_;
  std::set<std::tuple<HostId, Pair, std::uint32_t>> seen_;  // packets delivered
};

}  // namespace culvert::sim
