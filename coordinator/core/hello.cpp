// Who is at the other end: nodes by their statement and control key, persons by a key that they
// prove.
#include <algorithm>

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {

Status Core::Impl::greet(Now now, ConnectionId id, const control::Hello& hello) {
  auto& connection = connections_.at(id);
  if (connection.greeted) return fail(ErrorCode::kInvalid, "a second hello");
  if (hello.version != control::kProtocolVersion) {
    return fail(ErrorCode::kInvalid, "this coordinator speaks version " +
                                         std::to_string(control::kProtocolVersion) +
                                         " of the control protocol");
  }
  if (broken_) {
    return fail(ErrorCode::kUnavailable, "the coordinator's store is not usable now");
  }
  if (!hello.node) {
    connection.greeted = true;
    send(id, control::Welcome{run_, 0, {}});
    return {};
  }
  auto node = identify(now, connection, hello);
  if (!node) return fail_with(node.error());
  if (const auto other = nodes_.find(node->identity); other != nodes_.end()) close(other->second);
  const auto identity = node->identity;
  journal_connected(now, connection, *node);
  if (auto settled = settle(now); !settled) return settled;
  if (changed_ || !audience_) refresh(now);  // tells the others; this node hears after its welcome
  connection.greeted = true;
  connection.node = *std::move(node);
  nodes_[identity] = id;
  send(id, control::Welcome{run_, views_.seq(identity), options_.relays});
  const auto view = audience_->view_of(*connection.node);
  const bool same_run = hello.run == run_;
  for (auto& delta : views_.resume(identity, same_run, hello.since, view, ledger_)) {
    send(id, std::move(delta));
  }
  return {};
}

// Only of admitted nodes: what strangers do leaves nothing behind, in memory or on the disk.
void Core::Impl::journal_connected(Now now, const Connection& connection, const trust::Node& node) {
  if (!admitted(now, node)) return;
  if (connected_lines_.size() >= kMaxConnectedLines) {
    std::erase_if(connected_lines_,
                  [&](const auto& line) { return line.second + kQuietConnect <= now.wall; });
  }
  auto& line = connected_lines_[node.identity];
  if (line + kQuietConnect > now.wall) return;
  line = now.wall;
  audit::Entry entry;
  entry.at = now.wall;
  entry.kind = audit::Kind::kAgentStart;
  entry.who = node.person.empty() ? node.name.str() : node.person.str();
  entry.device = crypto::format_ed25519(node.identity);
  entry.site = node.site.name.str();
  entry.outcome = "connected";
  entry.detail = connection.from;
  ledger_.journal(std::move(entry));
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
  auto entered = node->kind == trust::NodeKind::kAgent ? enrol(now, *note, *node, hello.enrolment)
                                                       : wait_for_admission(now, *note, *node);
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
  Status rests = {};  // why its enrolment was not taken, should that turn out to matter
  if (enrolment) {
    const auto bundle = note::parse_bundle(*enrolment);
    if (!bundle) return fail_with(bundle.error());
    for (const auto& part : *bundle) {
      const auto kind = trust::kind_of(part.text);
      const bool own = kind == trust::Kind::kEnrolment || kind == trust::Kind::kEnrolled;
      if (!own && kind != trust::Kind::kPolicy) continue;
      const auto given = ledger_.take(part, now);
      if (!given && own && rests) rests = fail_with(given.error());
    }
  }
  const auto taken = ledger_.take(note, now);
  if (!taken) return fail_with(rests ? taken.error() : rests.error());
  if (!admitted(now, node)) {
    return fail(ErrorCode::kStale,
                "the node's statement is not in force (expired, revoked, or the "
                "clock is wrong)");
  }
  journal(now, audit::Kind::kNodeAdmitted, node.name.str(), nullptr, "enrolled",
          node.site.name.str());
  changed_ = true;
  return {};
}

// A device's statement that only the device has signed is kept for its vendor to see, in memory:
// the device says it again whenever it connects.
Status Core::Impl::wait_for_admission(Now now, const note::Note& note, const trust::Node& node) {
  if (!ledger_.has_vendor() || node.vendor_id != ledger_.evidence().vendor_id()) {
    return fail(ErrorCode::kNotFound, "this coordinator serves another vendor");
  }
  if (node.expires <= now.wall || node.issued > now.wall + trust::kIssuedSkew) {
    return fail(ErrorCode::kStale, "the device's statement is not in force now; check its clock");
  }
  // Admitted already (the note carries the signature), or not: then somebody has to decide.
  if (auto taken = ledger_.take(note, now)) {
    changed_ = true;
    waiting_.erase(node.identity);
    return {};
  } else if (taken.error().code != ErrorCode::kUnverified) {
    return fail_with(taken.error());
  }
  if (!waiting_.contains(node.identity) && waiting_.size() >= kMaxWaitingDevices) {
    waiting_.erase(std::min_element(
        waiting_.begin(), waiting_.end(),
        [](const auto& a, const auto& b) { return a.second.order < b.second.order; }));
  }
  waiting_[node.identity] = Waiting{note, node, ++arrivals_};
  return {};
}

bool Core::Impl::admitted(Now now, const trust::Node& node) const {
  const auto* known = ledger_.evidence().node(node.identity, now);
  // The same kind and site, too: an agent that says it is a device would be told of other sites.
  return known != nullptr && known->control == node.control && known->kind == node.kind &&
         known->site == node.site;
}

Result<control::Message> Core::Impl::prove(Connection& connection, const control::Prove& prove) {
  if (connection.proven.size() >= kMaxProofs) {
    return fail(ErrorCode::kExhausted, "too many keys on one connection");
  }
  const auto signed_text = control::proof_message(connection.channel.handshake_hash());
  if (!crypto::verify(prove.key, signed_text, prove.signature)) {
    return fail(ErrorCode::kUnverified, "the signature is not this key's for this connection");
  }
  connection.proven.push_back(prove.key);
  if (!sight(connection).any()) {
    connection.proven.pop_back();
    return fail(ErrorCode::kDenied, "no root of this coordinator's vendor or sites lists that key");
  }
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
