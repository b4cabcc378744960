// Who may do what: from evidence to rights. Access verifies what anybody brings (coordinator,
// files, the customer's lease server), keeps what must outlive the process, decides the rights, and
// writes the audit log. It knows no packets: Mesh applies its Permits and asks it through the Gate.
//
// In order: notes and leases come in (learn(), take_lease(), …) → changed() → decide() → Mesh
// applies permits() → record_ends() → persist(). Core calls these steps (Core::settle()).
#pragma once

#include <deque>
#include <memory>

#include "agent/access/claims.hpp"
#include "agent/access/customer.hpp"
#include "agent/access/documents.hpp"
#include "agent/access/end_warnings.hpp"
#include "agent/access/granted.hpp"
#include "agent/access/keeper.hpp"
#include "agent/access/listeners.hpp"
#include "agent/access/openings.hpp"
#include "agent/access/publication.hpp"
#include "agent/access/requests.hpp"
#include "agent/terms/gate.hpp"

namespace culvert::agent {

class Access final : public Gate {
 public:
  // Fails with one clear line when the stores, the token, the pin or the audit log forbid to start.
  static Result<std::unique_ptr<Access>> start(Options options, Environment environment, Now now);

  // --- what anybody brings; nothing is believed before the evidence has verified it ---
  void learn(Now now, std::vector<note::Note> notes);  // from the coordinator: all of one delta
  void learn_site(Now now, const std::vector<note::Note>& notes);  // before a request
  Status take_lease(Now now, const note::Note& note);              // of the vendor
  void learn_documents(Now now, const std::vector<DocumentFile>& files);
  void handle_lease_answer(Now now, const Result<std::string>& answer);  // of the customer's server
  void connected(Now now) { leases_.ask_again(now, trust::RootKind::kVendor); }
  void look_again() { basis_.changes.access = true; }  // the rights are to be decided again
  void handle_timeout(Now now);
  Instant next_deadline() const;
  // --- the steps that Core takes after each input ---
  void persist(Now now) { keeper_.persist(now); }
  bool changed() const { return basis_.changes.access; }
  void decide(Now now, const Silent& silent);
  const Permits& permits() const { return granted_.permits(); }
  void record_ends(Now now);
  void finish(Now now) { openings_.finish(now); }  // the agent stops: nothing is counted any longer
  void stop() { stopping_ = true; }                // no right begins, no flow opens
  std::vector<AccessEvent> take_events() { return std::exchange(basis_.events, {}); }
  Outbox take_outbox() { return std::exchange(basis_.outbox, {}); }

  // --- flows ---
  // On a laptop, before it connects to a granted service. kNotFound: no right leads to the name.
  Result<Right> dial(Now now, const trust::Fqdn& name);
  bool may_open(Now now, const Endpoint& service) override;
  void opening(const Endpoint& client, const Endpoint& service) override;
  void answered(Now now, const Endpoint& client) override;
  // On a site agent, before a flow goes on. As with dial(), the audit entry is durable on success.
  Result<FlowContext> authorize_flow(Now now, const IpAddress& peer, const std::string& fqdn);
  void flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                   std::uint64_t bytes_in, std::uint64_t bytes_out, const std::string& reason);

  // --- local decisions; decide() draws the consequences ---
  void deny(Now now, const trust::GrantId& id) { basis_.evidence.deny(now, id); }
  // Ends an own request for everybody: the revocation to put to the coordinator.
  Result<note::Note> withdraw(Now now, const trust::GrantId& id);
  void set_lock(bool locked) { basis_.evidence.set_lock(locked); }
  Status reset_clock(Now now);
  Status choose_fork(Now now, const trust::Hash& text);
  void record(Now now, audit::Entry entry) { basis_.journal.ending(now, std::move(entry)); }

  // --- what is known ---
  const Options& options() const { return basis_.options; }
  const NodeKeys& keys() const { return basis_.keys; }
  const trust::Evidence& evidence() const { return basis_.evidence; }
  const OwnNode& own() const { return own_; }
  const Rights& rights() const { return granted_.rights(); }
  Requests& requests() { return requests_; }
  const Publication& publication() const { return publication_; }
  const Origin& origin() const { return origin_; }
  const Leases& leases() const { return leases_; }
  const CustomerLeases& customer() const { return customer_; }
  const EndWarnings& ends() const { return ends_; }
  const Documents& documents() const { return documents_; }
  bool store_ok() const { return keeper_.store_ok(); }
  bool audit_ok() const { return basis_.journal.writable(); }
  bool take_state_change() { return std::exchange(basis_.changes.state, false); }
  // The rest is for the link to the coordinator.
  Journal& journal() { return basis_.journal; }
  Offers& offers() { return offers_; }
  void uploaded(std::uint64_t count);  // audit entries that the coordinator has

 private:
  Access(Basis basis, Origin origin, OwnStatement own, Now now);
  Result<Openings::Opened> open_flow(Now now, const Right& right);
  void log_conditions(Now now);
  Basis basis_;
  Origin origin_;
  std::chrono::seconds renew_early_;
  OwnNode own_;
  Publication publication_;
  AlarmLog alarms_{basis_};
  Leases leases_;
  CustomerLeases customer_{basis_, leases_, alarms_};
  Documents documents_{basis_, alarms_};
  std::deque<note::Note> unverified_;  // for another try with the next notes; the oldest go
  Offers offers_;
  Keeper keeper_;
  Openings openings_{basis_.journal};
  Granted granted_{basis_, leases_};
  Claims claims_{basis_, granted_.rights()};
  Listeners listeners_{basis_};
  Requests requests_{basis_, own_};
  EndWarnings ends_;
  Instant decide_at_ = Instant::never();  // the rights change because time passes
  Instant sweep_at_;
  bool stopping_ = false, audit_said_ = false, clock_said_ = false, fork_said_ = false;
};

}  // namespace culvert::agent
