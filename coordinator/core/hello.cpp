// Logins. A node identifies itself by its node statement and control key, a person by a key of a
// root and a signature with it.
#include <algorithm>

#include "coordinator/core/impl.hpp"

#include "proto/trust/register/limits.hpp"

namespace culvert::coordinator {
namespace {

std::vector<control::RevocationSet> revocations_for(const View& view, const Ledger& ledger) {
  std::map<crypto::Hash, std::vector<control::NoteId>> by_site;
  for (const auto& id : view) {
    const auto* held = ledger.find(id);
    if (held == nullptr || held->kind != trust::Kind::kRevocation) continue;
    by_site[held->site ? trust::to_hash(*held->site) : crypto::Hash()].push_back(id);
  }
  std::vector<control::RevocationSet> out;
  for (auto& [site, ids] : by_site) {
    const auto count = ids.size();
    out.push_back({site, count, control::revocations_digest(ids)});
  }
  return out;
}

}  // namespace

Status Core::Impl::greet(Now now, ConnectionId id, const control::Hello& hello) {
  auto& connection = connections_.at(id);
  if (connection.greeted) return fail(ErrorCode::kInvalid, "a second hello");
  if (hello.version.least > control::kProtocolVersion ||
      hello.version.most < control::kProtocolVersion) {
    return fail(ErrorCode::kInvalid, "this coordinator speaks version " +
                                         std::to_string(control::kProtocolVersion) +
                                         " of the control protocol: upgrade the older side");
  }
  if (broken_) {
    return fail(ErrorCode::kUnavailable, "the coordinator's store is not usable now");
  }
  if (!hello.node) {
    greeted(id, connection);
    send(id, control::Welcome{control::kProtocolVersion, run_, 0, {}});
    return {};
  }
  auto node = identify(now, connection, hello);
  if (!node) return fail_with(node.error());
  const auto identity = node->identity;
  if (const auto other = nodes_.find(identity); other != nodes_.end()) close(other->second);
  if (changed_) {  // the node has just enrolled: durable before the welcome
    if (auto settled = settle(now); !settled) return settled;
  }
  // The other nodes get the new statement now, this node gets its view after the welcome.
  if (changed_ || !audience_) refresh(now);
  // Nothing stays of what a node does that is not admitted, in memory or on the disk.
  if (admitted(now, *node) && !full_) journal_.connected(now, *node, connection.from);
  greeted(id, connection);
  connection.node = *std::move(node);
  nodes_[identity] = id;
  enter_if_admitted(now, *connection.node);
  const auto welcome_said = welcome(now, *connection.node, hello);
  connection.audit_next = welcome_said.audit_next;
  send(id, welcome_said);
  const auto view = audience_->view_of(*connection.node);
  const bool same_run = hello.run == run_;
  for (auto& delta : views_.resume(identity, same_run, hello.since, view, ledger_)) {
    delta.stored = position_;
    send(id, std::move(delta));
  }
  return {};
}

// An admitted agent's connection is charged to its site, a device's to the vendor.
void Core::Impl::enter_if_admitted(Now now, const trust::Node& node) {
  const auto connected = nodes_.find(node.identity);
  if (connected == nodes_.end() || !admitted(now, node)) return;
  const bool agent = node.kind == trust::NodeKind::kAgent;
  enter(Room::kNodes, agent ? "site " + node.site.id.hex() : "devices", connected->second);
}

control::Welcome Core::Impl::welcome(Now now, const trust::Node& node,
                                     const control::Hello& hello) {
  control::Welcome out;
  out.run = run_;
  out.seq = views_.seq(node.identity);
  out.relays = options_.relays;
  out.stored = position_;
  if (!admitted(now, node)) return out;
  // If the store cannot say, the node sends all its lines. A line that the store has already adds
  // nothing.
  out.audit_next = store_.next_index(crypto::format_ed25519(node.identity)).value_or(0);
  out.revocations = revocations_for(audience_->view_of(node), ledger_);
  if (node.kind != trust::NodeKind::kAgent) return out;
  const bool older = hello.run != run_ && started_at_ && hello.stored > *started_at_;
  if (older && now.steady < started_ + kOfferTime) offering_.emplace(node.site.id, false);
  const auto offering = offering_.find(node.site.id);
  out.offer = offering != offering_.end() && !offering->second;
  return out;
}

Result<trust::Node> Core::Impl::identify(Now now, const Connection& connection,
                                         const control::Hello& hello) {
  const auto note = note::parse(*hello.node);
  if (!note) return fail_with(note.error());
  auto node = trust::Node::parse(note->text);
  if (!node) return fail_with(node.error());
  if (node->control != connection.channel.peer()) {
    return fail(ErrorCode::kUnverified, "this connection does not hold the node's control key");
  }
  const note::KnownKey own{node->name.str(), node->identity};
  const auto signers = note::verify(*note, std::span(&own, 1));
  if (!signers || signers->empty()) {
    return fail(ErrorCode::kUnverified, "the node has not signed its statement");
  }
  const auto* known = ledger_.evidence().node_note(node->identity);
  if (known != nullptr && known->text == note->text && admitted(now, *node)) return node;
  auto entered = node->kind == trust::NodeKind::kAgent
                     ? enrol(now, *note, *node, hello.enrolment)
                     : wait_for_admission(now, connection, *note, *node);
  if (!entered) return fail_with(entered.error());
  return node;
}

Status Core::Impl::enrol(Now now, const note::Note& note, const trust::Node& node,
                         const std::optional<std::string>& enrolment) {
  if (!ledger_.serves(node.site.id)) {
    return fail(ErrorCode::kNotFound, "this coordinator does not serve the site " +
                                          node.site.name.str() +
                                          "; its operator adds it: culvert-coordinator site add");
  }
  if (auto may = writable(); !may) return may;
  const bool known = ledger_.evidence().node_note(node.identity) != nullptr;
  if (auto may = may_renew(now, note, node.identity); !may) return may;
  Status rests = {};  // why the ledger refused the enrolment, if it did
  if (enrolment) {
    const auto bundle = note::parse_bundle(*enrolment);
    if (!bundle) return fail_with(bundle.error());
    for (const auto& part : *bundle) {
      const auto kind = trust::kind_of(part.text);
      const bool own = kind == trust::Kind::kEnrolment || kind == trust::Kind::kEnrolled;
      if (!own && kind != trust::Kind::kPolicy) continue;
      const auto given = ledger_.take(now, part);
      if (!given && own && rests) rests = fail_with(given.error());
    }
  }
  const auto taken = ledger_.take(now, note);
  if (!taken) {
    if (taken.error().code == ErrorCode::kExhausted) refuse_agent(now, node, taken.error());
    return fail_with(rests ? taken.error() : rests.error());
  }
  if (!admitted(now, node)) {
    return fail(ErrorCode::kStale,
                "the node's statement is not in force (expired, revoked, or the "
                "clock is wrong)");
  }
  journal_.enrolled(now, node);
  if (!known) new_agent_came(now, node);
  changed_ = true;
  return {};
}

// Limits the new statements of one node, since each goes into the store and to all of the site.
// They are charged to the node and to the site in the node's known statement, not to the site that
// the new statement names.
Status Core::Impl::may_renew(Now now, const note::Note& next, const trust::IdentityKey& identity) {
  const auto* note = ledger_.evidence().node_note(identity);
  if (note == nullptr || note->text == next.text) return {};
  const auto known = trust::Node::parse(note->text);
  if (!known) return fail_with(known.error());
  if (auto may = rates_.renewals.take(now.steady, identity.hex(), 1); !may) return may;
  return rates_.site_renewals.take(now.steady, known->site.id.hex(), 1);
}

// Whoever holds a token can add agents. So that nobody does it unseen, each new agent raises an
// alarm at the coordinator and at the site's other agents, which get the new agent's statement.
void Core::Impl::new_agent_came(Now now, const trust::Node& node) {
  ++counters_.new_agents;
  journal_.alarm(now, node, "new agent " + node.name.str());
}

void Core::Impl::refuse_agent(Now now, const trust::Node& node, const Error& why) {
  if (!rates_.refused_agents.take(now.steady, node.enrolled.hex(), 1)) return;  // reported lately
  journal_.alarm(now, node, "refused an agent " + node.name.str() + ": " + why.message);
}

// A device that nobody has admitted waits here, for persons with a device-admission key to see. Its
// statement stays in memory only: the device sends the statement again whenever it connects, and
// every half minute until somebody decides.
Status Core::Impl::wait_for_admission(Now now, const Connection& connection, const note::Note& note,
                                      const trust::Node& node) {
  if (!ledger_.has_vendor() || node.vendor_id != ledger_.evidence().vendor_id()) {
    return fail(ErrorCode::kNotFound, "this coordinator serves another vendor");
  }
  if (node.expires <= now.wall || node.issued > now.wall + trust::kIssuedSkew) {
    return fail(ErrorCode::kStale, "the device's statement is not in force now; check its clock");
  }
  // The ledger takes the statement if the note carries the signature of a device-admission key.
  if (writable()) {
    if (auto taken = ledger_.take(now, note)) {
      changed_ = true;
      no_longer_waits(node.identity);
      return {};
    } else if (taken.error().code != ErrorCode::kUnverified) {
      return fail_with(taken.error());
    }
  }
  const note::KnownKey own{node.name.str(), node.identity};
  const auto kept = note::keep_known(note, std::span(&own, 1));  // without lines of other keys
  if (!kept) return fail_with(kept.error());
  wait(connection.source, *kept, node);
  return {};
}

void Core::Impl::wait(const std::string& source, const note::Note& note, const trust::Node& node) {
  if (!waiting_.contains(node.identity)) {
    std::optional<trust::IdentityKey> leaves;
    if (waiting_by_source_.count(source) >= kMaxWaitingOfSource) {
      leaves = waiting_by_source_.any_of(source, rng_);
    } else if (waiting_.size() >= kMaxWaitingDevices) {
      leaves = waiting_by_source_.any_of_fullest(rng_);
    }
    if (leaves) no_longer_waits(*leaves);
    waiting_by_source_.add(source, node.identity);
  }
  waiting_[node.identity] = Waiting{note, node};
}

void Core::Impl::no_longer_waits(const trust::IdentityKey& device) {
  waiting_.erase(device);
  waiting_by_source_.remove(device);
}

bool Core::Impl::admitted(Now now, const trust::Node& node) const {
  const auto* known = ledger_.evidence().node(now, node.identity);
  // Kind and site must be those of the known statement. Otherwise an agent that called itself a
  // device would get statements of other sites.
  return known != nullptr && known->control == node.control && known->kind == node.kind &&
         known->site == node.site;
}

Result<control::Message> Core::Impl::prove(ConnectionId id, const control::Prove& prove) {
  auto& connection = connections_.at(id);
  if (connection.proofs >= kMaxProofs) {
    return fail(ErrorCode::kExhausted, "too many keys on one connection");
  }
  ++connection.proofs;
  const auto signed_text = control::proof_message(connection.channel.handshake_hash());
  if (!crypto::verify(prove.key, signed_text, prove.signature)) {
    return fail(ErrorCode::kUnverified, "the signature is not this key's for this connection");
  }
  if (ledger_.evidence().who().roots().suspended().contains(prove.key)) {
    return fail(ErrorCode::kDenied, "that key was suspended and never counts again");
  }
  connection.proven.push_back(prove.key);
  if (!sight(connection).any()) {
    connection.proven.pop_back();
    return fail(ErrorCode::kDenied, "no root of this coordinator's vendor or sites lists that key");
  }
  if (!connection.node) enter(Room::kPersons, connection.proven.front().hex(), id);
  control::Reply reply;
  reply.re = prove.id;
  return reply;
}

Sight Core::Impl::sight(const Connection& connection) const {
  const auto& evidence = ledger_.evidence();
  Sight out;
  const auto* vendor = evidence.vendor_root();
  for (const auto& key : connection.proven) {
    if (vendor != nullptr && vendor->lists(key)) {
      out.vendor = true;
      out.admission = out.admission || vendor->find(key, trust::Group::kDeviceAdmission) != nullptr;
    }
    for (const auto& site : evidence.sites()) {
      const auto* root = evidence.site_root(site.id);
      if (root != nullptr && root->lists(key)) out.sites.insert(site.id);
    }
  }
  return out;
}

}  // namespace culvert::coordinator
