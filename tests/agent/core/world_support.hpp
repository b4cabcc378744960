// A small mesh in one thread: the documents of tests/support/ceremony.hpp, a real coordinator core,
// a real relay core, a site's agent and a laptop. The queues between them lose nothing; tests/sim
// has networks with losses.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "agent/core/core.hpp"
#include "coordinator/core/core.hpp"
#include "proto/audit/sink.hpp"
#include "proto/ip/packet.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/lease_answer.hpp"
#include "proto/trust/register/revocation_log.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/token.hpp"
#include "proto/trust/store.hpp"
#include "relay/core/core.hpp"
#include "tests/support/ceremony.hpp"
#include "tests/support/memory_sink.hpp"
#include "tests/support/memory_state.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::agent::test {

inline const std::string kSite = "acme.us-east-1.aws.byoc.example.com";
inline const std::string kApi = "api." + kSite;
inline const std::string kDb = "db." + kSite;
inline const std::string kUrl = "https://coordinator.vendor.example:7443";

using ceremony::Holder;

struct Agent {
  Options options;
  trust::MemoryStore site_store;
  trust::MemoryStore node_store;
  audit::MemorySink audit;
  std::unique_ptr<Core> core;
  Effects effects;
  Endpoint endpoint;
  std::map<ConnectionId, std::uint64_t>
      control;  // the agent's id of a connection → the coordinator's
  std::map<ConnectionId, std::uint64_t> relay;
  std::vector<Bytes> delivered;  // mesh packets that passed
  std::vector<CutFlows> cuts;
  std::map<Endpoint, std::string> listening;
  std::vector<LogLine> log;

  bool has(audit::Kind kind) const;
};

class World {
 public:
  World();

  Status start(Agent& agent);  // a second call restarts the agent
  void stop(Agent& agent);
  void start_coordinator();  // after stop_coordinator(): a restart
  void stop_coordinator();
  void run(Duration length);
  bool run_until(const std::function<bool()>& done, Duration limit);

  // Starts both agents and admits the laptop.
  void set_up();
  void admit_laptop();
  std::string request(const std::string& service, std::chrono::seconds length = 900s);
  void approve(const std::string& grant);  // both approvers
  void revoke(const std::string& grant);   // the customer's approver
  // Whether SYN, SYN-ACK and ACK pass.
  bool flow_opens(const std::string& service, std::uint16_t from);
  void hand_in(Agent& agent, const Bytes& packet);  // as from the agent's own stack
  bool passes_out(const Bytes& packet);             // laptop → site
  bool passes_back(const Bytes& packet);
  std::string story() const;  // the log lines of both agents, for a failed check
  Endpoint client(std::uint16_t port) const { return {laptop.core->address(), port}; }
  Endpoint service(const std::string& fqdn, std::uint16_t port) const;
  std::string agent_token() const { return agent_token_; }
  // The next policy, signed. The coordinator does not get it.
  note::Note next_policy(const std::function<void(trust::Policy&)>& edit);
  // The second epoch of the site's root, signed. Each `edit` makes another text.
  note::Note second_site_root(const std::function<void(trust::Root&)>& edit) const;
  note::Note fresh_note() const;  // signed by the site's lease key: the present policy and root
  note::Note revocation_of(const std::string& grant);  // signed by the customer's approver
  note::Note signed_by_bob(const trust::Revocation& revocation) const;    // the customer's approver
  note::Note signed_by_carol(const trust::Revocation& revocation) const;  // the vendor's
  // What the customer's lease server knows: the site's own documents.
  trust::Evidence customers_evidence() const;
  Result<std::string> customers_answer(const trust::Evidence& evidence, const std::string& question,
                                       bool by_the_vendors_key = false);
  trust::RevocationLog revocation_log;  // of the customer's lease server

  SeededRng rng{7};
  Now now{{3'600'000'000'000}, {}};
  bool relay_up = true;
  bool direct_up = true;
  bool congested = false;        // direct datagrams that are ECN-capable are marked CE on the way
  std::size_t carried = 65'507;  // bytes of a direct datagram; longer datagrams are lost
  Agent site;
  Agent laptop;
  trust::SiteRef site_ref;
  trust::VendorId vendor_id;
  trust::Policy policy;                                              // the newest signed policy
  std::function<Result<std::string>(const AskLease&)> lease_server;  // empty: the server is down
  coordinator::MemoryStore store;
  std::unique_ptr<coordinator::Core> coordinator;

 private:
  void make_vendor();
  void make_site();
  void make_tokens();
  void put(const note::Note& note);  // into the coordinator's store, not over a connection
  bool step();                       // runs the queue's oldest entry; false: the queue is empty
  std::vector<coordinator::NoteRow> rows();
  void drain(Agent& agent);
  void carry(Agent& agent, const Effect& effect);
  void carry_out(Agent& agent, const OpenControl& open);
  void carry_out(Agent& agent, const SendControl& send);
  void carry_out(Agent& agent, const CloseControl& close);
  void carry_out(Agent& agent, const OpenRelay& open);
  void carry_out(Agent& agent, const FlushRelay& waits);
  void carry_out(Agent& agent, const CloseRelay& close);
  void carry_out(Agent&, const AddAddress&) {}
  void carry_out(Agent&, const RemoveAddress&) {}
  void carry_out(Agent& agent, const ListenService& listen);
  void carry_out(Agent& agent, const UnlistenService& unlisten);
  void carry_out(Agent& agent, const CutFlows& cut);
  void carry_out(Agent&, const ResolveStun&) {}
  void carry_out(Agent& agent, const AskLease& ask);
  void carry_out(Agent& agent, const LogLine& line);
  void drain_coordinator();
  void receive_control(Agent& agent, ConnectionId id, const coordinator::Effect& effect);
  void drain_relay();
  Agent* owner(std::uint64_t connection, bool relay);

  Holder vendor_root_, carol_, admission_, directory_, lease_, ticket_;
  Holder site_root_, bob_, enrolment_, site_lease_;
  control::noise::KeyPair control_key_;
  derp::RelayKeyPair relay_key_;
  note::Note vendor_note_, places_note_, site_root_note_, site_note_, policy_note_;
  std::unique_ptr<relay::Core> relay_;
  std::uint64_t last_connection_ = 0;
  std::deque<std::function<void()>> queue_;
  std::string agent_token_;
  std::string device_token_;
};

Bytes tcp(const Endpoint& from, const Endpoint& to, unsigned flags);

}  // namespace culvert::agent::test
