// What people ask for: requests, their end, locks, pings; and the gate before each flow.
#include "agent/core/parts.hpp"
#include "proto/ip/packet.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr std::size_t kMaxClaiming = 256;  // flows that wait for the first answer to their grant

}  // namespace

void Core::request(Now now, const RequestOptions& options, Done<RequestView> done) {
  Parts& p = *parts_;
  const auto name = trust::Fqdn::parse(options.service);
  if (!name || !name->site()) {
    return done(fail(ErrorCode::kInvalid, "\"" + options.service + "\" is no service name"));
  }
  if (p.options.role != Role::kDevice) {
    return done(fail(ErrorCode::kDenied, "only a person's device can request access"));
  }
  if (p.evidence.node(p.keys.identity.public_key(), now) == nullptr) {
    return done(fail(ErrorCode::kDenied,
                     "this device is not admitted yet: ask for `culvert device admit`"));
  }
  if (!p.client || !p.client->connected()) {
    return done(fail(ErrorCode::kUnavailable, "the coordinator is not reachable now"));
  }
  const auto id = p.client->site_info(options.service);
  if (!id) return done(fail_with(id.error()));
  p.asked[*id] = [&p, options, done = std::move(done)](Now then,
                                                       const Result<control::Reply>& reply) {
    p.on_site_info(then, options, done, reply);
  };
  p.settle(now);
}

void Core::Parts::on_site_info(Now now, const RequestOptions& wish, Done<RequestView> done,
                               const Result<control::Reply>& reply) {
  if (!reply) return done(fail_with(reply.error()));
  std::vector<note::Note> notes;
  for (const std::string& each : reply->notes) {
    if (auto note = note::parse(each)) notes.push_back(std::move(*note));
  }
  evidence.offer_all(notes, now);
  notes_dirty = true;
  const auto name = trust::Fqdn::parse(wish.service);
  if (!name || !reply->policy) return done(fail(ErrorCode::kNotFound, "no such site"));
  auto request = build_request(now, wish, *name, *reply->policy);
  if (!request) return done(fail_with(request.error()));
  // Kept by the client until answered; asked again after a reconnect, which adds nothing.
  const auto id = client->put({note::render(*request)});
  if (!id) return done(fail_with(id.error()));
  asked[*id] = [this, request = *request, done = std::move(done)](
                   Now then, const Result<control::Reply>& answer) {
    if (!answer) return done(fail_with(answer.error()));
    remember_request(request);
    const auto grant = trust::Grant::parse(request.text);
    if (!grant) return done(fail_with(grant.error()));
    audit::Entry entry;
    entry.kind = audit::Kind::kRequest;
    entry.who = grant->requester.str();
    entry.grant = grant->id.str();
    entry.service = grant->service.str();
    entry.site = grant->site.name.str();
    entry.detail = grant->reason;
    journal.ending(then, std::move(entry));
    done(view_of(then, grant->id, request));
  };
}

Result<note::Note> Core::Parts::build_request(Now now, const RequestOptions& wish,
                                              const trust::Fqdn& name, const crypto::Hash& policy) {
  const auto site = evidence.site(*name.site());
  if (!site) {
    return fail(ErrorCode::kNotFound, "the vendor's directory names no site " + name.site()->str());
  }
  const trust::Node* self = evidence.node(keys.identity.public_key(), now);
  if (self == nullptr) return fail(ErrorCode::kDenied, "this device's admission has ended");
  if (evidence.clock_went_back(now)) {
    return fail(ErrorCode::kDenied, "the clock went back: correct it, or run culvert clock-reset");
  }
  trust::GrantRequest request;
  request.site = *site;
  request.service = name;
  request.reason = wish.reason;
  request.length = wish.duration;
  request.not_before = wish.start;
  // A policy that is not known here yet (services stay dark before a first grant) may let a grant
  // wait for less than the default: the approvers then see so, and --claim asks for less.
  const trust::Policy* rules = evidence.policy(site->id);
  request.claim =
      wish.claim.value_or(rules == nullptr ? trust::kDefaultClaim : rules->claim_time());
  request.policy = policy;
  return trust::make_grant_request(request, *self, keys.identity, now.wall, env.rng);
}

void Core::Parts::remember_request(const note::Note& note) {
  const auto grant = trust::Grant::parse(note.text);
  if (!grant || grant->device != keys.identity.public_key()) return;
  // What this device has not signed it has not asked for, whatever the coordinator hands it.
  const note::KnownKey own{node.name.str(), keys.identity.public_key()};
  const auto signers = note::verify(note, std::span(&own, 1));
  if (!signers || signers->empty()) return;
  auto known = own_requests.find(grant->id);
  if (known != own_requests.end()) {
    if (auto merged = note::merge(known->second, note)) known->second = std::move(*merged);
    return;
  }
  if (own_requests.size() >= kMaxOwnRequests) own_requests.erase(own_requests.begin());  // oldest
  own_requests.emplace(grant->id, note);
}

// Ends a grant for everybody (a signed revocation by its requester's device), or here alone.
void Core::Parts::end_grant(Now now, const std::string& text, bool for_all, Done<void> done) {
  const auto id = trust::GrantId::parse(text);
  if (!id) return done(fail(ErrorCode::kInvalid, "\"" + text + "\" is no grant id"));
  audit::Entry entry;
  entry.grant = text;
  if (!for_all) {
    entry.kind = audit::Kind::kDenial;
    evidence.deny(*id, now);
    update_access(now);
    journal.ending(now, std::move(entry));
    return done(
        store_ok
            ? Result<void>()
            : fail(ErrorCode::kUnavailable,
                   "denied here, but it could not be stored: it would come back after a restart"));
  }
  const auto own = own_requests.find(*id);
  const auto grant = own == own_requests.end()
                         ? Result<trust::Grant>(fail(ErrorCode::kNotFound, "no such request here"))
                         : trust::Grant::parse(own->second.text);
  if (!grant) return done(fail_with(grant.error()));
  auto note = trust::revoke_grant(*grant, evidence.vendor_id(), "withdrawn by the requester",
                                  now.wall, trust::Signer{node.name.str(), keys.identity});
  if (!note) return done(fail_with(note.error()));
  entry.kind = audit::Kind::kWithdrawal;
  entry.who = grant->requester.str();
  entry.service = grant->service.str();
  const auto taken = evidence.offer(*note, now);
  if (!taken) evidence.deny(*id, now);  // a request that is not complete is not known here
  notes_dirty = true;
  update_access(now);
  journal.ending(now, std::move(entry));
  const auto put = client ? client->put({note::render(*note)})
                          : fail(ErrorCode::kUnavailable, "no coordinator is known");
  if (!put) return done(fail_with(put.error()));
  asked[*put] = [done = std::move(done)](Now, const Result<control::Reply>& reply) {
    done(reply ? Result<void>() : fail_with(reply.error()));
  };
}

void Core::withdraw(Now now, const std::string& grant, Done<void> done) {
  parts_->end_grant(now, grant, true, std::move(done));
  parts_->settle(now);
}

void Core::deny(Now now, const std::string& grant, Done<void> done) {
  parts_->end_grant(now, grant, false, std::move(done));
  parts_->settle(now);
}

void Core::set_lock(Now now, bool locked, Done<void> done) {
  Parts& p = *parts_;
  p.evidence.set_lock(locked);
  p.update_access(now);
  audit::Entry entry;
  entry.kind = locked ? audit::Kind::kLock : audit::Kind::kUnlock;
  p.journal.ending(now, std::move(entry));
  p.settle(now);
  if (p.store_ok) return done({});
  done(fail(ErrorCode::kUnavailable,
            locked ? "locked, but it could not be stored: a restart would unlock"
                   : "unlocked, but it could not be stored: a restart would lock again"));
}

void Core::lock(Now now, Done<void> done) { set_lock(now, true, std::move(done)); }
void Core::unlock(Now now, Done<void> done) { set_lock(now, false, std::move(done)); }

void Core::reset_clock(Now now, Done<void> done) {
  Parts& p = *parts_;
  audit::Entry entry;
  entry.kind = audit::Kind::kClock;
  entry.detail = "the clock's floor was set back by hand";
  if (auto written = p.journal.opening(now, std::move(entry)); !written) {
    return done(fail_with(written.error()));
  }
  p.evidence.reset_clock(now);
  p.due.wall_save = p.due.renew = now.steady;
  if (p.client && p.client->connected()) {  // what the wrong clock refused is told again
    p.client->stop();
    p.client->start(now.steady);
  }
  p.update_access(now);
  p.settle(now);
  done({});
}

void Core::choose_fork(Now now, const std::string& text, Done<void> done) {
  Parts& p = *parts_;
  const auto hash = trust::parse_hash(text);
  if (!hash) {
    return done(fail(ErrorCode::kInvalid,
                     "the text is named by its hash, sha256:...; see them: "
                     "culvert fork list"));
  }
  if (auto chosen = p.evidence.choose_fork(*hash); !chosen) {
    return done(
        fail(ErrorCode::kNotFound,
             "no root known here has that text as one of two; see them: culvert fork list"));
  }
  audit::Entry entry;
  entry.kind = audit::Kind::kAlarm;
  entry.detail = "of two texts of a root the operator chose " + text;
  p.journal.ending(now, std::move(entry));
  p.update_access(now);
  p.settle(now);
  if (p.store_ok) return done({});
  done(fail(ErrorCode::kUnavailable,
            "chosen, but the choice could not be stored: a restart would "
            "forget it"));
}

void Core::ping(Now now, const std::string& name, Done<PingResult> done) {
  Parts& p = *parts_;
  for (const auto& [id, right] : p.rights) {
    if (right.live.service.name.str() != name && right.other.name.str() != name) continue;
    const path::PingId ping = p.prober.ping(now.steady, right.other.wireguard);
    p.pings[ping] = {right.other.name.str(), right.other.relay, std::move(done)};
    return p.settle(now);
  }
  done(fail(ErrorCode::kNotFound, "no such peer or service"));
}

Result<ServiceView> Core::dial(Now now, const std::string& name) {
  Parts& p = *parts_;
  auto found = resolve(now, name);
  const Right* right = found ? p.right_for(address(), found->fqdn) : nullptr;
  if (right == nullptr) return fail(ErrorCode::kNotFound, "no such service");
  if (auto ok = p.open_flow(now, *right); !ok) return fail_with(ok.error());
  return *found;
}

// What dial() does, for a flow of the host's own stack.
bool Core::Parts::host_flow(Now now, const Endpoint& to) {
  const Right* best = nullptr;
  for (const auto& [id, right] : rights) {
    if (right.service != to) continue;
    if (best == nullptr || best->live.ends < right.live.ends) best = &right;
  }
  return best != nullptr && open_flow(now, *best).has_value();
}

Result<FlowContext> Core::authorize_flow(Now now, const IpAddress& peer, const std::string& fqdn) {
  Parts& p = *parts_;
  const Right* right = p.stopping ? nullptr : p.right_for(peer, fqdn);
  if (right == nullptr) {
    audit::Entry entry;
    entry.kind = audit::Kind::kFlowDenied;
    entry.service = fqdn;
    entry.detail = format(peer);
    p.openings.denied(now, peer, std::move(entry));
    return fail(ErrorCode::kDenied, "no grant in force");
  }
  const auto opened = p.open_flow(now, *right);
  if (!opened) return fail_with(opened.error());
  // The opening may have claimed the grant: its end is known from here on.
  const auto ends = p.evidence.state(right->live.grant.id, now).ends;
  return FlowContext{right->live.grant.requester.str(),
                     right->live.grant.id.str(),
                     crypto::format_ed25519(right->live.device.identity),
                     ends.value_or(right->live.ends),
                     opened->audit,
                     opened->member};
}

// On a laptop: a flow begins. Site agent and laptop both charge a flow to the grant that ends last.
// The site's answer on the flow tells whether the flow claims that grant (claim_answered).
void Core::Parts::note_opening(ByteView packet) {
  const auto view = ip::PacketView::parse(packet);
  const auto flags = view ? view->tcp_flags() : std::nullopt;
  if (!flags || (*flags & ip::kSyn) == 0) return;
  const Endpoint to{view->destination, view->destination_port().value_or(0)};
  const Right* best = nullptr;
  for (const auto& [id, right] : rights) {
    if (right.service != to) continue;
    if (best == nullptr || best->live.ends < right.live.ends) best = &right;
  }
  if (best == nullptr || best->live.standing || best->live.claimed) return;
  if (claiming.size() >= kMaxClaiming) claiming.erase(claiming.begin());
  claiming[{view->source, view->source_port().value_or(0)}] = best->live.grant.id;
}

// On a laptop: the service has answered with data on a flow, so the site's agent has accepted it.
void Core::Parts::claim_answered(Now now, ByteView packet) {
  const auto view = ip::PacketView::parse(packet);
  if (!view || view->protocol != ip::kTcp || view->payload().empty()) return;
  const auto flow = claiming.find({view->destination, view->destination_port().value_or(0)});
  if (flow == claiming.end()) return;
  evidence.claim(flow->second, now);
  claiming.erase(flow);
  access_dirty = true;
}

// Claims the grant and writes the audit entry. Both are durable when this succeeds; otherwise the
// flow is refused.
Result<Openings::Opened> Core::Parts::open_flow(Now now, const Right& right) {
  // The site's agent decides what a first use is; a laptop waits for its answer (claim_answered).
  if (options.role == Role::kSite && !right.live.standing && !right.live.claimed) {
    evidence.claim(right.live.grant.id, now);
    persist(now);
    access_dirty = true;
  }
  if (!store_ok) return fail(ErrorCode::kUnavailable, "the site store cannot be written");
  audit::Entry entry;
  entry.kind = audit::Kind::kFlowOpen;
  entry.who = right.live.grant.requester.str();
  entry.device = crypto::format_ed25519(right.live.device.identity);
  entry.site = right.live.grant.site.name.str();
  entry.grant = right.live.grant.id.str();
  entry.service = right.live.service.name.str();
  auto opened = openings.open(now, std::move(entry));
  // open() has already recorded the failure; recompute access so that it is reported.
  if (!opened && !journal.writable()) access_dirty = true;
  return opened;
}

void Core::flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                       std::uint64_t bytes_in, std::uint64_t bytes_out, const std::string& reason) {
  audit::Entry entry;
  entry.kind = audit::Kind::kFlowClose;
  entry.who = flow.person;
  entry.device = flow.device;
  entry.grant = flow.grant;
  entry.service = fqdn;
  entry.outcome = reason;
  entry.bytes_in = bytes_in;
  entry.bytes_out = bytes_out;
  parts_->openings.close(now, std::move(entry), flow.member);
  parts_->settle(now);
}

}  // namespace culvert::agent
