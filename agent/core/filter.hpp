// The grant filter: which mesh packets may pass (trust.md, rule 3). Flows start only from a
// grantee's address to a granted service's address and port, by TCP; the other way only replies of
// such flows. The same table serves both ends: a laptop's outgoing and a site's incoming packets
// come from the grantee. Everything else is refused and counted.
//
// Each grantee has flows of its own, and kMaxFlowsOfGrantee of them: then a new flow takes the
// place of the grantee's own flow that has been idle longest. A packet and a change cost the same
// however many flows others have.
#pragma once

#include <array>
#include <functional>
#include <list>
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
  kGated,       // the gate did not let this new flow open
};
inline constexpr std::size_t kVerdicts = 6;

class Filter {
 public:
  static constexpr std::size_t kMaxFlowsOfGrantee = 4096;
  static constexpr std::size_t kMaxSwept = 1024;  // flows that one sweep() forgets
  static constexpr Duration kOpeningTime = 75s;   // a SYN without an answer is forgotten
  static constexpr Duration kLinger = 60s;        // after FIN both ways or RST
  static constexpr Duration kIdleTime = 24h;
  static constexpr Duration kOrderTime = 1s;  // flows are in order of use to this precision

  void allow(const IpAddress& grantee, const Endpoint& service);
  // The sequence number that the stack at one end of a flow expects next: the stack takes a reset
  // with exactly this number (RFC 5961 §3.2). `acknowledged` is that number while nothing is under
  // way to this end; `sent` is that number once everything under way has arrived.
  struct End {
    std::optional<std::uint32_t> acknowledged;  // by this end, last
    std::optional<std::uint32_t> sent;          // to this end, so far
  };
  struct Cut {  // a flow that ended before its time
    Endpoint grantee;
    Endpoint service;
    End at_grantee;
    End at_service;
  };
  std::vector<Cut> forbid(const IpAddress& grantee, const Endpoint& service);  // ends its flows
  std::vector<Cut> end_flows(const IpAddress& grantee);  // of all services, which stay allowed

  // The gate is asked once for each new flow, after everything else has let it pass.
  using Gate = std::function<bool(const Endpoint& service)>;
  Verdict from_grantee(Instant now, ByteView packet, const Gate& gate = nullptr);
  Verdict to_grantee(Instant now, ByteView packet);

  // Forgets ended flows, to be called now and then. True: there are more, call it again soon.
  bool sweep(Instant now);
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
    std::size_t operator()(const FlowKey& key) const noexcept;
  };
  struct Segment;  // what a packet says
  struct Flow;
  using Entry = std::pair<const FlowKey, Flow>;
  using Order = std::list<Entry*>;  // idle longest first
  struct Grantee {
    std::set<Endpoint> services;
    Order open;   // answered and not over
    Order brief;  // opening or over: forgotten soon
  };
  struct Flow {
    Grantee* owner = nullptr;
    Order::iterator place;
    bool is_open = false;  // the order that `place` is in
    bool answered = false;
    bool fin_from = false;
    bool fin_to = false;
    bool reset = false;
    Instant last;
    Instant ordered;  // `last` when it was put in order
    End at_grantee, at_service;
    bool over() const { return reset || (fin_from && fin_to); }
  };

  static Verdict parse(ByteView packet, bool from_grantee, Segment& out);
  Verdict pass_from(Instant now, ByteView packet, const Gate& gate);
  Verdict pass_to(Instant now, ByteView packet);
  Verdict open(Instant now, const Segment& segment, bool opens, const Gate& gate);
  Entry* find(const FlowKey& key);
  static void used(Instant now, Entry& flow, const Segment& segment, End& from, End& to);
  void forget(Entry& flow);
  void end(Entry& flow, std::vector<Cut>& cut);
  static bool expired(const Flow& flow, Instant now);

  std::unordered_map<IpAddress, Grantee> grantees_;
  std::unordered_map<FlowKey, Flow, FlowHash> flows_;
  Entry* last_ = nullptr;  // the flow found last: bursts belong to one
  std::array<std::uint64_t, kVerdicts> counts_{};
};

}  // namespace culvert::agent
