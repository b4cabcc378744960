// Answers to questions about sites, leases, tickets and audit lines. A question comes from
// process() in core.cpp, which sends the answer back to the same connection.
#include <algorithm>
#include <set>
#include <utility>

#include "coordinator/core/impl.hpp"
#include "coordinator/core/reporters.hpp"
#include "proto/trust/grants/limits.hpp"

namespace culvert::coordinator {
namespace {

tl::unexpected<Error> no_such_site() { return fail(ErrorCode::kNotFound, "no such site"); }

// An agent may ask about its own site, a device about any site of this coordinator. A device's
// lease names only the device's own grants.
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

// A larger index would leave no numbers for later lines.
constexpr std::uint64_t kMaxAuditIndex = std::uint64_t{1} << 62U;

// The verified node statements of the nodes that reported `rows`.
std::vector<std::string> statements_of(const std::vector<StoredAudit>& rows,
                                       const trust::Evidence& evidence) {
  std::set<std::string> sources;
  for (const auto& stored : rows) sources.insert(stored.row.source);
  std::vector<std::string> out;
  for (const auto& source : sources) {
    const auto identity = crypto::parse_ed25519(source);
    const auto* note = identity ? evidence.node_note(*identity) : nullptr;
    if (note != nullptr) out.push_back(note::render(*note));
  }
  return out;
}

}  // namespace

// Answers which site a service name belongs to, never whether the site has such a service.
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
  std::vector<note::Note> notes = evidence.chain_notes();
  for (auto& note : evidence.chain_notes(site->id)) {
    // A policy names every service of the site, so the answer has only the policy's hash.
    if (trust::kind_of(note.text) != trust::Kind::kPolicy) notes.push_back(std::move(note));
  }
  Pages pages({});
  pages.add_notes(notes);
  auto reply = pages.take();
  reply.re = question.id;
  reply.policy = evidence.policy_hash(site->id);
  return reply;
}

// A lease says that no revocation known here ends the grants. So the coordinator signs no lease
// while it could not make a revocation durable, and no lease for a site whose agents know more than
// this store, which is then an old copy.
Status Core::Impl::lease_allowed(Now now, const trust::SiteRef& site) const {
  if (revocation_lost_ || !store_.can_revoke()) {
    return fail(ErrorCode::kUnavailable,
                "no leases: the coordinator cannot make revocations durable (its disk is full)");
  }
  const auto offering = offering_.find(site.id);
  if (offering != offering_.end() && !offering->second && now.steady < started_ + kOfferTime) {
    return fail(ErrorCode::kUnavailable,
                "no leases yet: the coordinator's store is an older copy, and no agent of the site "
                "has handed in the revocations that it keeps");
  }
  return {};
}

Result<control::Message> Core::Impl::lease(Now now, const Connection& connection,
                                           const control::LeaseRequest& request) {
  const auto* agent = connection.node ? &*connection.node : nullptr;
  const auto site = agent == nullptr ? std::optional<trust::SiteRef>()
                                     : asked_site(ledger_.evidence(), *agent, request.site);
  if (!site || !admitted(now, *agent)) {
    return fail(ErrorCode::kDenied, "only a site's agents and its grantees get leases");
  }
  if (auto allowed = lease_allowed(now, *site); !allowed) return fail_with(allowed.error());
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
    if (agent->kind != trust::NodeKind::kAgent || full_) continue;
    if (grant == nullptr || !leased_.emplace(agent->identity, id).second) continue;
    journal_.leased(now, *agent, *grant);
  }
  ++counters_.leases;
  return control::Lease{request.id, note::render(*note)};
}

Result<control::Message> Core::Impl::ticket(Now now, const Connection& connection,
                                            const control::TicketRequest& request) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "only admitted nodes get tickets");
  }
  const auto relay =
      std::find_if(options_.relays.begin(), options_.relays.end(),
                   [&](const control::RelayInfo& info) { return info.id == request.relay; });
  if (relay == options_.relays.end()) return fail(ErrorCode::kNotFound, "no such relay");
  if (next_change_ <= now.steady) refresh(now);
  trust::Ticket ticket;
  ticket.vendor_id = ledger_.evidence().vendor_id();
  ticket.relay = relay->key;
  const auto* node = ledger_.evidence().node(now, connection.node->identity);
  if (node == nullptr) return fail(ErrorCode::kDenied, "only admitted nodes get tickets");
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

Result<control::Message> Core::Impl::upload(Now now, Connection& connection,
                                            const control::AuditUpload& upload) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "only admitted nodes hand in audit entries");
  }
  const auto& node = *connection.node;
  if (upload.first > kMaxAuditIndex) return fail(ErrorCode::kInvalid, "no index of an audit line");
  if (auto may = writable(); !may) return fail_with(may.error());
  control::Reply reply;
  reply.re = upload.id;
  // A node's first upload must begin where the welcome said. An upload that was under way before
  // the welcome would leave a gap for ever. Later uploads may begin further on: then the node
  // itself no longer has the lines in between.
  if (const auto next = std::exchange(connection.audit_next, std::nullopt);
      next && upload.first > *next) {
    reply.next = *next;
    return reply;
  }
  std::vector<AuditRow> rows;
  std::size_t bytes = 0;
  for (const auto& line : upload.entries) {
    const auto entry = audit::parse_entry(line);
    if (!entry) return fail_with(entry.error());
    if (auto may = may_report(node, *entry, ledger_.evidence()); !may)
      return fail_with(may.error());
    bytes += line.size() + kAuditRowOverhead;
    rows.push_back({crypto::format_ed25519(node.identity), upload.first + rows.size(),
                    node.site.name.str(), now.wall, line});
  }
  if (auto room = audit_quota_.take(now.steady, node, bytes); !room) {
    return fail_with(room.error());
  }
  ledger_.upload(std::move(rows));
  reply.next = upload.first + upload.entries.size();
  return reply;
}

Result<control::Message> Core::Impl::query(const Connection& connection,
                                           const control::AuditQuery& question) const {
  const auto sees = sight(connection);
  AuditFilter filter;
  filter.before = question.before;
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
  const Reporters reporters(statements_of(*rows, ledger_.evidence()));
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
