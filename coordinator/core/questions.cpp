// Answers: site information, leases, tickets, lists, audit.
#include <algorithm>
#include <set>

#include "coordinator/core/impl.hpp"
#include "coordinator/core/reporters.hpp"

namespace culvert::coordinator {
namespace {

tl::unexpected<Error> no_such_site() { return fail(ErrorCode::kNotFound, "no such site"); }

// Collects notes once each, while they fit into one answer.
class Bundle {
 public:
  bool add(std::span<const note::Note> notes, control::Reply& reply) {
    std::vector<std::string> fresh;
    std::size_t bytes = 0;
    for (const auto& note : notes) {
      if (seen_.contains(note::hash(note))) continue;
      fresh.push_back(note::render(note));
      bytes += fresh.back().size();
    }
    if (bytes_ + bytes > kMaxReplyBytes) return false;
    if (reply.notes.size() + fresh.size() > control::kMaxNotes) return false;
    for (const auto& note : notes) seen_.insert(note::hash(note));
    for (auto& text : fresh) reply.notes.push_back(std::move(text));
    bytes_ += bytes;
    return true;
  }
  bool entry(const note::Note& note, std::string state, control::Reply& reply) {
    auto text = note::render(note);
    if (bytes_ + text.size() > kMaxReplyBytes) return false;
    if (reply.entries.size() >= control::kMaxNotes) return false;
    bytes_ += text.size();
    reply.entries.push_back({std::move(text), std::move(state)});
    return true;
  }

 private:
  std::set<crypto::Hash> seen_;
  std::size_t bytes_ = 0;
};

std::string describe(const trust::RequestState& state) {
  std::string out(trust::phase_name(state.phase));
  if (state.phase == trust::RequestPhase::kPending) {
    out += " needs vendor=" + std::to_string(state.vendor_missing);
    out += " customer=" + std::to_string(state.customer_missing);
  }
  if (!state.why.empty()) out += " (" + state.why.substr(0, 400) + ")";
  return out;
}

// What approvers still have to do with: not what is over.
bool worth_listing(trust::RequestPhase phase) {
  switch (phase) {
    case trust::RequestPhase::kPending:
    case trust::RequestPhase::kApproved:
    case trust::RequestPhase::kActive:
    case trust::RequestPhase::kInvalid:
      return true;
    case trust::RequestPhase::kCompleted:
    case trust::RequestPhase::kExpired:
    case trust::RequestPhase::kRevoked:
    case trust::RequestPhase::kDenied:
    case trust::RequestPhase::kWithdrawn:
      break;
  }
  return false;
}

// An agent asks about its own site; a device about any site that is served here (its lease then
// names only grants of its own).
std::optional<trust::SiteRef> asked_site(const trust::Evidence& evidence, const trust::Node& node,
                                         const crypto::Hash& asked) {
  if (node.kind == trust::NodeKind::kAgent) {
    return trust::to_hash(node.site.id) == asked ? std::optional(node.site) : std::nullopt;
  }
  for (const auto& site : evidence.sites()) {
    if (trust::to_hash(site.id) == asked) return site;
  }
  return std::nullopt;
}

}  // namespace

// Says which site stands behind a name, never whether the site has such a service.
Result<control::Message> Core::Impl::site_info(Now now, const Connection& connection,
                                               const control::SiteInfo& question) const {
  const auto& evidence = ledger_.evidence();
  const auto name = trust::Fqdn::parse(question.fqdn);
  if (!name) return fail(ErrorCode::kInvalid, "not a name of a service or a site");
  auto site = evidence.site(*name);
  if (!site && name->site()) site = evidence.site(*name->site());
  const bool node = connection.node && admitted(now, *connection.node) &&
                    (connection.node->kind == trust::NodeKind::kDevice ||
                     (site && connection.node->site == *site));
  if (!site || !(node || sight(connection).sees(site->id))) return no_such_site();
  control::Reply reply;
  reply.re = question.id;
  Bundle bundle;
  (void)bundle.add(evidence.chain_notes(), reply);
  for (const auto& note : evidence.chain_notes(site->id)) {
    // A policy names every service: whoever asks learns its hash alone.
    if (trust::kind_of(note.text) == trust::Kind::kPolicy) continue;
    if (!bundle.add(std::span(&note, 1), reply)) break;
  }
  reply.policy = evidence.policy_hash(site->id);
  return reply;
}

Result<control::Message> Core::Impl::lease(Now now, const Connection& connection,
                                           const control::LeaseRequest& request) {
  const auto* agent = connection.node ? &*connection.node : nullptr;
  const auto site = agent == nullptr ? std::optional<trust::SiteRef>()
                                     : asked_site(ledger_.evidence(), *agent, request.site);
  if (!site || !admitted(now, *agent)) {
    return fail(ErrorCode::kDenied, "leases are for a site's agents and its grantees alone");
  }
  if (next_change_ <= now.steady) refresh(now);
  const auto served = audience_->served_by(agent->identity);
  trust::Lease lease;
  lease.vendor_id = ledger_.evidence().vendor_id();
  lease.site = *site;
  lease.agent = agent->identity;
  lease.nonce.bytes = request.nonce;
  lease.documents = ledger_.evidence().documents(site->id);
  std::set<trust::GrantId> wanted;
  for (const auto& text : request.grants) {
    const auto id = trust::GrantId::parse(text);
    if (!id) return fail(ErrorCode::kInvalid, "not a grant's id");
    const auto* grant = ledger_.evidence().grant(*id);
    const bool standing = grant == nullptr;
    if (served.contains(*id) && (standing || grant->site.id == site->id)) wanted.insert(*id);
  }
  lease.grants.assign(wanted.begin(), wanted.end());
  const auto note = trust::sign_statement(lease, {"lease", options_.lease});
  if (!note) return fail_with(note.error());
  if (leased_.size() > trust::kMaxGrants) leased_.clear();
  for (const auto& id : wanted) {
    const auto* grant = ledger_.evidence().grant(id);
    if (agent->kind != trust::NodeKind::kAgent) continue;
    if (grant == nullptr || !leased_.emplace(agent->identity, id).second) continue;
    journal(now, audit::Kind::kGrantActive, agent->name.str(), grant, "leased", "");
  }
  ++counters_.leases;
  return control::Lease{request.id, note::render(*note)};
}

Result<control::Message> Core::Impl::ticket(Now now, const Connection& connection,
                                            const control::TicketRequest& request) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "tickets are for admitted nodes alone");
  }
  const auto relay =
      std::find_if(options_.relays.begin(), options_.relays.end(),
                   [&](const control::RelayInfo& info) { return info.id == request.relay; });
  if (relay == options_.relays.end()) return fail(ErrorCode::kNotFound, "no such relay");
  if (next_change_ <= now.steady) refresh(now);
  trust::Ticket ticket;
  ticket.vendor_id = ledger_.evidence().vendor_id();
  ticket.relay = relay->key;
  const auto* node = ledger_.evidence().node(connection.node->identity, now);
  if (node == nullptr) return fail(ErrorCode::kDenied, "tickets are for admitted nodes alone");
  ticket.node = node->relay;
  for (const auto& peer : audience_->relay_peers(connection.node->identity)) {
    if (ticket.peers.size() < trust::kMaxTicketPeers) ticket.peers.push_back(peer);
  }
  ticket.expires = now.wall + kTicketLife;
  const auto note = trust::sign_statement(ticket, {"ticket", options_.ticket});
  if (!note) return fail_with(note.error());
  ++counters_.tickets;
  return control::Ticket{request.id, request.relay, note::render(*note)};
}

Result<control::Message> Core::Impl::list(Now now, const Connection& connection,
                                          const control::List& question) const {
  const auto& evidence = ledger_.evidence();
  const auto sees = sight(connection);
  control::Reply reply;
  reply.re = question.id;
  Bundle bundle;
  (void)bundle.add(evidence.chain_notes(), reply);
  if (question.what == control::ListWhat::kDevices) {
    if (!sees.admission) return fail(ErrorCode::kDenied, "a device-admission key must be proven");
    for (const auto& [identity, waiting] : waiting_) {
      if (waiting.node.expires <= now.wall) continue;
      if (!bundle.entry(waiting.note, "WAITING", reply)) break;
    }
    for (const auto& node : evidence.nodes(now)) {
      const auto* note = evidence.node_note(node.identity);
      if (node.kind != trust::NodeKind::kDevice || note == nullptr) continue;
      if (!bundle.entry(*note, "ADMITTED", reply)) break;
    }
    return reply;
  }
  if (!sees.any()) return fail(ErrorCode::kDenied, "an approver's key must be proven");
  if (question.what == control::ListWhat::kStates) return list_states(now, sees, question);
  if (question.what == control::ListWhat::kNodes) {
    for (const auto& site : evidence.sites()) {
      if (!sees.sees(site.id)) continue;
      if (!bundle.add(evidence.chain_notes(site.id), reply)) break;
      for (const auto& note : evidence.enrolled_notes(site.id)) {
        if (!bundle.add(std::span(&note, 1), reply)) break;
      }
    }
    return reply;
  }
  const auto add = [&](bool pending) {
    for (const auto& id : evidence.grants()) {
      const auto* grant = evidence.grant(id);
      const auto* note = evidence.grant_note(id);
      if (grant == nullptr || note == nullptr || !sees.sees(grant->site.id)) continue;
      if (question.site && grant->site.name.str() != *question.site) continue;
      const auto state = evidence.state(id, now);
      if (!worth_listing(state.phase)) continue;
      if ((state.phase == trust::RequestPhase::kPending) != pending) continue;
      if (!bundle.add(evidence.supporting_notes(id), reply)) return;
      if (!bundle.entry(*note, describe(state), reply)) return;
    }
  };
  add(true);  // where not all fits, what waits comes first
  add(false);
  return reply;
}

Result<control::Message> Core::Impl::upload(Now now, const Connection& connection,
                                            const control::AuditUpload& upload) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "audit entries come from admitted nodes alone");
  }
  const auto& node = *connection.node;
  std::vector<AuditRow> rows;
  for (const auto& line : upload.entries) {
    if (auto entry = audit::parse_entry(line); !entry) return fail_with(entry.error());
    rows.push_back({crypto::format_ed25519(node.identity), upload.first + rows.size(),
                    node.site.name.str(), now.wall, line});
  }
  ledger_.upload(std::move(rows));
  control::Reply reply;
  reply.re = upload.id;
  reply.next = upload.first + upload.entries.size();
  return reply;
}

Result<control::Message> Core::Impl::query(const Connection& connection,
                                           const control::AuditQuery& question) const {
  const auto sees = sight(connection);
  AuditFilter filter;
  filter.after = question.after;
  filter.site = question.site;
  if (!sees.any()) return fail(ErrorCode::kDenied, "a key that a root lists must be proven");
  if (!sees.vendor) {
    const auto name = question.site ? trust::Fqdn::parse(*question.site) : std::nullopt;
    const auto site = name ? ledger_.evidence().site(*name) : std::nullopt;
    if (!site || !sees.sees(site->id)) return no_such_site();
  }
  const auto rows = store_.audit(filter);
  if (!rows) return fail_with(rows.error());
  control::Reply reply;
  reply.re = question.id;
  const Reporters reporters(ledger_.notes_of(trust::Kind::kNode));
  std::size_t bytes = 0;
  for (const auto& stored : *rows) {
    auto line = reporters.shown(stored.row);
    bytes += line.size();
    if (bytes > kMaxReplyBytes) return reply;
    reply.lines.push_back(std::move(line));
    reply.next = stored.number;
  }
  if (rows->size() < kMaxAuditPage) reply.next = 0;
  return reply;
}

}  // namespace culvert::coordinator
