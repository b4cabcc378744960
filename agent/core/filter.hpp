// The grant filter: which mesh packets may pass (trust.md, rule 3). Flows start only from a
// grantee's address to a granted service's address and port, by TCP; the other way only replies of
// such flows. The same table serves both ends: a laptop's outgoing and a site's incoming packets
// come from the grantee. Everything else is refused and counted.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"

namespace culvert::agent {

enum class Verdict {
  kPass,
  kMalformed,   // not a whole IP packet, or a TCP header cut short
  kNotTcp,      // only TCP is granted (fragments included: they hide their ports)
  kNotGranted,  // no grant from this address to that address and port
  kNoFlow,      // belongs to no flow that the grantee started
  kFull,        // this grantee has kMaxFlowsOfGrantee flows
  kGated,       // the gate did not let this new flow open
};
inline constexpr std::size_t kVerdicts = 7;

class Filter {
 public:
  static constexpr std::size_t kMaxFlowsOfGrantee = 4096;  // then new ones are refused
  static constexpr Duration kOpeningTime = 75s;            // a SYN without an answer is forgotten
  static constexpr Duration kLinger = 60s;                 // after FIN both ways or RST
  static constexpr Duration kIdleTime = 24h;

  void allow(const IpAddress& grantee, const Endpoint& service);
  // A flow that ended before its time. A reset with the sequence number `expected` is one that the
  // grantee's stack takes (RFC 5961 §3.2); unset while it has acknowledged nothing.
  struct Cut {
    Endpoint grantee;
    std::optional<std::uint32_t> expected;
  };
  std::vector<Cut> forbid(const IpAddress& grantee, const Endpoint& service);  // ends its flows

  // The gate is asked once for each new flow, after everything else has let it pass.
  using Gate = std::function<bool(const Endpoint& service)>;
  Verdict from_grantee(Instant now, ByteView packet, const Gate& gate = nullptr);
  Verdict to_grantee(Instant now, ByteView packet);

  void sweep(Instant now);  // forgets ended flows; to be called now and then
  std::uint64_t count(Verdict verdict) const { return counts_[static_cast<std::size_t>(verdict)]; }
  std::uint64_t refused() const;
  std::size_t flows() const { return flows_.size(); }

 private:
  struct FlowKey {
    Endpoint grantee;
    Endpoint service;
    friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
  };
  struct FlowHash {
    std::size_t operator()(const FlowKey& key) const noexcept {
      return std::hash<Endpoint>{}(key.grantee) * 1000003U + std::hash<Endpoint>{}(key.service);
    }
  };
  struct Flow {
    Instant last;
    std::optional<std::uint32_t> expected;  // what the grantee acknowledged last
    bool answered = false;
    bool fin_from = false;
    bool fin_to = false;
    bool reset = false;
    bool over() const { return reset || (fin_from && fin_to); }
  };
  struct Segment {
    FlowKey key;
    std::uint8_t flags = 0;
    std::uint32_t acknowledged = 0;
  };

  using Flows = std::unordered_map<FlowKey, Flow, FlowHash>;

  static Verdict parse(ByteView packet, bool from_grantee, Segment& out);
  Verdict pass_from(Instant now, ByteView packet, const Gate& gate);
  Verdict pass_to(Instant now, ByteView packet);
  Verdict open(Instant now, const FlowKey& key, const Gate& gate);
  Flow* find(const FlowKey& key);
  Flows::iterator forget(Flows::iterator flow);
  bool expired(const Flow& flow, Instant now) const;

  std::set<std::pair<IpAddress, Endpoint>> allowed_;
  Flows flows_;
  Flows::value_type* last_ = nullptr;  // the flow found last: bursts belong to one
  std::unordered_map<IpAddress, std::size_t> flows_of_;
  std::array<std::uint64_t, kVerdicts> counts_{};
};

}  // namespace culvert::agent
