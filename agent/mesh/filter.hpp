// The grant filter: between a node's own stack and WireGuard, in both directions. A flow starts
// only with TCP from a grantee's address to a permitted service's address and port; in the other
// direction only replies of such flows pass. Both ends use the same filter: a laptop's outgoing
// packets and a site's incoming ones come from the grantee. All else is refused and counted.
//
// Each grantee may have kMaxFlowsOfGrantee flows. A further flow replaces the grantee's flow that
// has been idle longest. What a packet or a change costs does not depend on others' flows.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::agent {

enum class Verdict {
  kPass,
  kMalformed,   // not a whole IP packet, or a TCP header cut short
  kNotTcp,      // not TCP, or a fragment, whose ports are not visible
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
  static constexpr Duration kLinger = 60s;        // a flow is kept so long after its end
  static constexpr Duration kIdleTime = 24h;
  static constexpr Duration kOrderTime = 1s;  // flows are in order of use to this precision

  void allow(const IpAddress& grantee, const Endpoint& service);
  // The sequence number that the stack at one end of a flow expects next: the stack takes a reset
  // with exactly this number (RFC 5961 §3.2). `acknowledged` is that number while nothing is under
  // way to this end; `sent` is that number once everything under way has arrived.
  struct End {
    std::optional<std::uint32_t> acknowledged;  // last acknowledgement from this end
    std::optional<std::uint32_t> sent;          // end of the data sent to this end so far
  };
  struct Cut {  // a flow that the filter ended before FIN or RST
    Endpoint grantee;
    Endpoint service;
    End at_grantee;
    End at_service;
  };
  std::vector<Cut> forbid(const IpAddress& grantee, const Endpoint& service);  // ends the flows too
  std::vector<Cut> end_flows(const IpAddress& grantee);  // all services stay allowed

  // The gate is called once for each new flow, after all other checks have passed.
  using Gate = std::function<bool(const Endpoint& service)>;
  using Packet = std::optional<ip::PacketView>;  // nothing: PacketView::parse() has refused it
  Verdict from_grantee(Instant now, const Packet& packet, const Gate& gate = nullptr);
  Verdict to_grantee(Instant now, const Packet& packet);

  // Forgets ended flows; call it now and then. True: there are more, so call it again soon.
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
  struct Segment;  // the parsed fields of a packet
  struct Flow;
  using Entry = std::pair<const FlowKey, Flow>;
  using Order = std::list<Entry*>;  // longest idle flow first
  struct Grantee {
    std::set<Endpoint> services;
    Order open;   // flows that are answered and not over
    Order brief;  // flows that are opening or over, and are forgotten soon
  };
  struct Flow {
    Grantee* owner = nullptr;
    Order::iterator place;
    bool is_open = false;  // true: `place` is in Grantee::open; false: in Grantee::brief
    bool answered = false;
    bool fin_from = false;
    bool fin_to = false;
    bool reset = false;
    Instant last;
    Instant ordered;  // the value of `last` when the flow was moved to the end of its order
    End at_grantee, at_service;
    bool over() const { return reset || (fin_from && fin_to); }
  };

  static Verdict parse(const Packet& packet, bool from_grantee, Segment& out);
  Verdict pass_from(Instant now, const Packet& packet, const Gate& gate);
  Verdict pass_to(Instant now, const Packet& packet);
  Verdict open(Instant now, const Segment& segment, bool opens, const Gate& gate);
  Entry* find(const FlowKey& key);
  static void used(Instant now, Entry& flow, const Segment& segment, End& from, End& to);
  void forget(Entry& flow);
  void end(Entry& flow, std::vector<Cut>& cut);
  static bool expired(Instant now, const Flow& flow);

  std::unordered_map<IpAddress, Grantee> grantees_;
  std::unordered_map<FlowKey, Flow, FlowHash> flows_;
  Entry* last_ = nullptr;  // the last look-up, since a burst mostly has one flow
  std::array<std::uint64_t, kVerdicts> counts_{};
};

}  // namespace culvert::agent
