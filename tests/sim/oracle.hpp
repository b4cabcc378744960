// What must hold at every step, told by what people did and not by what the programs think.
//
//   delivered     an inner packet reached a stack: for the first time, and some grant for exactly
//                 that pair is in force there: signed by both sides, not over, not cut for longer
//                 than the bound allows
//   sent          a datagram or relay packet left an agent: no WireGuard (receiver, counter) twice
//                 with different bytes, and nothing readable inside
//   acknowledged  a statement that the coordinator has confirmed: in its store for ever after
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

inline constexpr Duration kOnlineCut = 2s;  // from the coordinator's answer to the last packet
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
  // A laptop stops using the grant at `ends`: from then on the grant need not work.
  void laptop_ends(const std::string& grant, WallTime ends);
  void approved(Instant now, const std::string& grant, bool customer);
  void ending(const std::string& grant);                // somebody has asked for its end
  void revoked(Instant now, const std::string& grant);  // the coordinator has confirmed
  void denied(const std::string& grant, HostId host);   // locally, at once
  void set_locked(HostId host, bool locked);
  void acknowledged(const crypto::Hash& statement, std::string signer);
  void asked(Instant then, const std::string& grant) { asked_[grant] = then; }
  // Grants of this device or service that were asked for before: wrong clocks may have ended them.
  void void_before(const IpAddress& party, Instant now) { voided_[party] = now; }

  // --- what the world does ---
  void set_connected(Instant now, HostId host, bool reached, bool connected);
  void set_audit(Instant now, HostId host, bool failing);

  void clock_set(Instant now, HostId host) { hosts_[host].clock_set = now; }
  void restarted(HostId host);  // what only the process knew is gone
  void forgets(HostId host);    // … and what only its disk knew: denials, locks

  // --- what the programs do ---
  // `number` is the sender's, never used twice by one of `pair` in this direction.
  void delivered(Instant now, WallTime wall, HostId host, const std::string& name, const Pair& pair,
                 std::uint32_t number);
  void sent(HostId host, const std::string& name, ByteView bytes);

  bool in_force(WallTime wall, const Pair& pair) const;  // for all; what must work
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
    WallTime claimed_end;               // the earliest end by any claim; else `ends`
    std::map<HostId, WallTime> claims;  // the end by each agent's own claim
    bool vendor = false;
    bool customer = false;
    bool ending = false;
    std::optional<Instant> revoked;
    std::set<HostId> connected_then;  // at the revocation, and without a break since
    std::set<HostId> denied;
    // By the boot clock of a host's process, counted by its wall clock when the first packet came.
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
