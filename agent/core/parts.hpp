// The inside of Core. A comment names the file with the functions below it; core.cpp passes calls
// on.
#pragma once

#include <deque>
#include <unordered_map>

#include "agent/access/enrol.hpp"
#include "agent/access/journal.hpp"
#include "agent/access/leases.hpp"
#include "agent/access/offers.hpp"
#include "agent/access/openings.hpp"
#include "agent/access/rights.hpp"
#include "agent/core/core.hpp"
#include "agent/core/customer.hpp"
#include "agent/core/documents.hpp"
#include "agent/core/due.hpp"
#include "agent/core/filter.hpp"
#include "agent/core/peers.hpp"
#include "agent/core/pings.hpp"
#include "agent/core/relays.hpp"
#include "proto/control/client.hpp"
#include "proto/path/prober.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/expiry.hpp"
#include "proto/trust/site_state.hpp"
#include "proto/wireguard/device.hpp"

namespace culvert::agent {

struct Core::Parts {
  Parts(Options given, Environment world, Memory memory, Beginning beginning, Now now);
  // data.cpp
  void datagrams(Now now, std::span<const Datagram> batch);
  void mesh(Now now, std::span<const ByteView> packets);
  void tell_too_big(Now now, std::span<const ByteView> packets);
  void relayed(Now now, Relays::Inbox& inbox);
  bool may_come(const Way& from) const;
  void receive(Now now);  // the datagrams in `incoming`
  void finish_pings();
  bool is_direct(Now now, const crypto::WireGuardKey& peer) const;
  void transmit(Now now);  // sends the output of the device and the prober
  void send(Now now, const Datagram& datagram);
  // ends.cpp
  void refuse(ByteView packet);
  void refuse_peer(Now now, const wireguard::Received& packet);
  void reset(const std::vector<Filter::Cut>& flows);
  void tell_peer(Now now, const std::vector<Filter::Cut>& flows);
  void watch_process(const wireguard::Received& packet);
  void peer_stopped(Now now, const crypto::WireGuardKey& key);
  bool has_stopped(const crypto::WireGuardKey& key) const;
  // access.cpp
  void update_access(Now now);
  void find_silent(Now now);
  Rights desired_rights(Now now, const std::vector<trust::LiveGrant>& live);
  void end_right(Now now, const Right& right, const Rights& rest);
  std::string why_ended(Now now, const Right& right) const;
  void sync_peers(Now now);
  void sync_listeners();
  void persist(Now now);
  const Right* right_for(const IpAddress& grantee, const std::string& fqdn) const;
  // control.cpp
  void start_control(Now now);
  void pump_control(Now now);
  bool choose_relays();
  void resolve_stun();
  void on_event(Now now, control::Event event);
  void on_connected(Now now, control::Connected connected);
  void on_ticket(Now now, control::Ticketed ticketed);
  void on_answer(Now now, const control::Answered& answered);
  void learn(Now now, std::vector<note::Note> notes);
  void publish(Now now);
  void renew(Now now);
  void renew_agent(Now now);
  void renew_device(Now now);
  bool replace_own(Now now, Result<note::Note> next);
  void say_alarms(Now now);
  void ask_leases(Now now);
  Status take_lease(Now now, const note::Note& note);
  void ask_tickets(Now now);
  void upload(Now now);
  void offer_own(Now now);
  void offer_kept(Now now);
  void offer_again(Now now);
  // documents.cpp: files, what ends soon, this agent's state
  void learn_documents(Now now, const std::vector<DocumentFile>& files);
  void offer_documents(Now now);
  void document_offered(Documents::Waiting& offered, const Result<trust::Change>& result);
  void say_document(const std::string& file, const std::string& why);
  // customer.cpp: the customer's own lease server
  void ask_customer(Now now);
  void customer_answered(Now now, const Result<std::string>& answer);
  Result<bool> take_answer(Now now, const Result<std::string>& answer);
  void hear(Now now, std::vector<note::Note> revocations);
  std::vector<trust::Expiry> endings(Now now) const;
  void warn_of_ends(Now now);
  void show_documents(Now now, StatusView& view) const;
  trust::SiteState state_now() const;
  void say_state(Now now);
  bool may_say_state() const;
  std::optional<RevokedView> revoked_self() const;  // renew.cpp, as say_revoked()
  void say_revoked();
  // commands.cpp
  void on_site_info(Now now, const RequestOptions& options, Done<RequestView> done,
                    const Result<control::Reply>& reply);
  Result<note::Note> build_request(Now now, const RequestOptions& options, const trust::Fqdn& name,
                                   const crypto::Hash& policy);
  void remember_request(const note::Note& note);
  RequestView view_of(Now now, const trust::GrantId& id, const note::Note& note) const;
  ServiceView view_of(Now now, const Right& right) const;
  Result<Openings::Opened> open_flow(Now now, const Right& right);
  void note_opening(ByteView packet);
  void claim_answered(Now now, ByteView packet);
  bool host_flow(Now now, const Endpoint& to);
  void end_grant(Now now, const std::string& grant, bool for_all, Done<void> done);
  void settle(Now now);  // after every input: access, control, packets, deadlines
  void timeout(Now now);
  void log(LogLevel level, std::string event, std::string detail = {});
  Options options;
  Environment env;
  Memory memory;
  NodeKeys keys;
  Origin origin;
  trust::Evidence evidence;
  trust::Node node;
  note::Note node_note;
  std::optional<note::Note> enrolment, enrolled, service_note;
  std::chrono::seconds renew_early;  // drawn once: agents do not renew all at once
  std::uint64_t alarms_said = 0;     // evidence's alarms up to this number are in the journal
  std::map<std::pair<trust::SiteId, trust::AlarmKind>, RateLimit> alarm_rates;
  trust::Service service;  // as last published
  Effects effects;
  ConnectionId last_connection = 0, control_connection = 0;
  std::unique_ptr<control::Client> client;
  std::string control_url, control_error, relay_error;
  std::map<control::RequestId, std::function<void(Now, const Result<control::Reply>&)>> asked;
  std::vector<note::Note> learned;  // notes received since the connection, until Synced
  std::deque<note::Note> unverified;
  std::map<trust::GrantId, note::Note> own_requests;
  Offers offers;
  Journal journal;
  Openings openings{journal};
  Leases leases;
  Filter filter;
  Rights rights;
  bool unclaimed = false;  // a laptop's: some right waits for the site's first answer
  std::map<Endpoint, trust::GrantId> claiming;  // by the laptop's end of a flow
  Silent silent;
  Peers peers;
  PeerSet peer_set;  // `peers` as the rights needed them
  std::map<crypto::RelayKey, crypto::WireGuardKey> by_relay_key;
  std::map<Endpoint, std::string> listening;
  std::set<trust::GrantId> disputed;  // not in force: another identity has the WireGuard key
  wireguard::Device device;
  std::vector<Datagram> incoming;
  std::vector<ByteView> passed;  // used in one call of mesh(), kept to reuse its memory
  ProcessTagger process{env.rng};
  path::Prober prober;
  path::ProberOutput paths;
  Relays relays;
  std::vector<control::RelayInfo> offered_relays;     // the coordinator's list
  std::map<std::string, std::vector<Endpoint>> stun;  // relay host → its STUN servers
  Pings pings;
  AnsweredPings answered_pings;
  Documents documents;
  std::string lease_error;  // of the customer's lease server; empty: none
  Told heard;               // what that server has told
  std::map<std::pair<trust::Ending, std::string>, int> warned;  // the thresholds that were logged
  trust::SiteState state_said;  // the state that was last sent to the coordinator
  Instant state_sent;           // when `state_said` was sent
  bool state_dirty = true;      // this agent's state may differ from `state_said`
  Due due;
  bool stopping = false;
  std::uint64_t stored_revision = 0, revoked_looked = ~0ULL;  // revisions of the evidence's floors
  bool access_dirty = true, store_ok = true, notes_dirty = false, is_admitted = false;
  bool clock_said = false, audit_said = false, broken_said = false, control_was_said = false,
       relays_refused = false, fork_said = false, revoked_said = false;
};

}  // namespace culvert::agent
