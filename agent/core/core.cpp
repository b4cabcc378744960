// Wiring: every call goes to the part that it concerns, then settle() draws the consequences.
#include "agent/core/core.hpp"

#include <algorithm>

#include "agent/core/parts.hpp"

namespace culvert::agent {

Core::Parts::Parts(Options given, Environment world, Memory stored, Beginning beginning, Now now)
    : options(std::move(given)),
      env(world),
      memory(stored),
      keys(std::move(beginning.keys)),
      origin(std::move(beginning.origin)),
      evidence(std::move(beginning.evidence)),
      node(std::move(beginning.node)),
      node_note(std::move(beginning.node_note)),
      enrolment(std::move(beginning.enrolment)),
      enrolled(std::move(beginning.enrolled)),
      renew_early(static_cast<std::int64_t>(world.rng.below(kMaxRenewEarly))),
      journal(world.audit, node.name.str(), node.site.name.str(), memory.uploaded()),
      leases(options.role, keys.identity.public_key(), world.rng),
      device(keys.wireguard.clone(), world.rng, {.roaming = false, .label_skew = kLabelSkew}),
      prober({options.allow_loopback, options.direct}, keys.disco.clone(),
             keys.wireguard.public_key, world.rng),
      relays(keys.relay.clone(), world.rng, last_connection),
      stored_revision(evidence.floors_revision()) {
  due.wall_save = due.renew = due.ends = due.state = now.steady;
  due.sweep = now.steady + kSweep;
  if (options.token) {  // an agent's holds the one-time key
    crypto::wipe({reinterpret_cast<std::uint8_t*>(options.token->data()), options.token->size()});
    options.token.reset();
  }
  if (const auto notes = memory.revocations()) {
    for (const note::Note& note : *notes) static_cast<void>(offers.kept.add(note, evidence, now));
  }
  if (auto notes = memory.own("service"); notes && !notes->empty()) {
    if (auto last = trust::Service::parse(notes->front().text)) {
      service = std::move(*last);
      service_note = std::move(notes->front());
    }
  }
}

Result<std::unique_ptr<Core>> Core::start(Options options, Environment environment, Now now) {
  Memory memory(environment.site_store, environment.node_store, environment.boot);
  auto beginning = begin(options, memory, environment.rng, now);
  if (!beginning) return fail_with(beginning.error());
  auto parts =
      std::make_unique<Parts>(std::move(options), environment, memory, std::move(*beginning), now);
  audit::Entry entry;
  entry.kind = audit::Kind::kAgentStart;
  entry.device = crypto::format_ed25519(parts->keys.identity.public_key());
  if (auto written = parts->journal.opening(now, std::move(entry)); !written) {
    return fail_with(written.error());
  }
  parts->effects.events.emplace_back(AddAddress{parts->node.address()});
  if (parts->service_note) {
    // Refused when it is over or the site has changed: then it is published anew.
    if (!parts->evidence.offer(*parts->service_note, now)) parts->service.expires = {};
  }
  parts->start_control(now);
  parts->settle(now);
  return std::unique_ptr<Core>(new Core(std::move(parts)));
}

Core::Core(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Core::~Core() = default;

void Core::Parts::log(LogLevel level, std::string event, std::string detail) {
  effects.events.emplace_back(LogLine{level, std::move(event), std::move(detail)});
}

void Core::Parts::settle(Now now) {
  if (stopping) openings.finish(now);  // nobody comes back for the rest of the window
  pump_control(now);
  persist(now);
  // Publishing, or a store that works again, may change what is in force: twice is enough.
  for (int round = 0; round < 2 && access_dirty; ++round) {
    publish(now);
    update_access(now);
  }
  if (access_dirty) due.access = std::min(due.access, now.steady + kStoreRetry);
  ask_tickets(now);
  upload(now);
  say_state(now);
  pump_control(now);
  transmit(now);
  for (auto& [done, result] : std::exchange(answered_pings, {})) done(std::move(result));
}

void Core::Parts::timeout(Now now) {
  if (client && client->next_deadline() <= now.steady) client->handle_timeout(now.steady);
  if (device.next_deadline() <= now.steady) device.handle_timeout(now, effects.sealed);
  if (prober.next_deadline() <= now.steady) prober.handle_timeout(now.steady);
  Relays::Inbox inbox;
  relays.handle_timeout(now, inbox, effects);
  relayed(now, inbox);
  if (std::min(due.access, journal.next_deadline()) <= now.steady) access_dirty = true;
  openings.handle_timeout(now);
  if (due.renew <= now.steady) renew(now);
  if (offers.next() <= now.steady) offer_kept(now);
  if (due.documents <= now.steady) offer_documents(now);
  if (due.ends <= now.steady) warn_of_ends(now);
  if (due.sweep <= now.steady) {
    if (offers.kept.forget(evidence.age())) offers.unsaved = true;
    due.sweep = filter.sweep(now.steady) ? now.steady : now.steady + kSweep;
  }
}

Instant Core::next_deadline() const {
  const Parts& p = *parts_;
  Instant next =
      std::min({p.device.next_deadline(), p.prober.next_deadline(), p.relays.next_deadline(),
                p.journal.next_deadline(), p.openings.next_deadline(), p.due.access, p.due.renew,
                p.due.sweep, p.due.wall_save, p.offers.next(), p.due.documents, p.due.ends});
  if (p.client) next = std::min(next, p.client->next_deadline());
  if (p.may_say_state()) next = std::min(next, p.due.state);
  if (!p.store_ok) next = std::min(next, p.due.store_retry);
  if (p.journal.has_batch() && p.client && p.client->connected())
    next = std::min(next, p.due.upload);
  return next;
}

void Core::handle_timeout(Now now) {
  parts_->timeout(now);
  parts_->settle(now);
}

void Core::drain(Effects& into) {
  into.clear();
  std::swap(into, parts_->effects);
}

void Core::learn_documents(Now now, const std::vector<DocumentFile>& files) {
  parts_->learn_documents(now, files);
  parts_->settle(now);
}

void Core::handle_lease_answer(Now now, const Result<std::string>& answer) {
  parts_->customer_answered(now, answer);
  parts_->settle(now);
}

void Core::handle_datagrams(Now now, std::span<const Datagram> datagrams) {
  parts_->datagrams(now, datagrams);
  parts_->settle(now);
}

void Core::handle_mesh(Now now, std::span<const ByteView> packets) {
  parts_->mesh(now, packets);
  parts_->settle(now);
}

void Core::handle_local_endpoints(Now now, std::vector<Endpoint> endpoints) {
  parts_->prober.set_local_endpoints(now.steady, std::move(endpoints));
  parts_->settle(now);
}

void Core::handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses) {
  Parts& p = *parts_;
  const auto& map = p.relays.map();
  std::erase_if(p.stun, [&](const auto& known) {  // of an earlier map
    return std::none_of(map.begin(), map.end(),
                        [&](const auto& relay) { return relay.info.host == known.first; });
  });
  p.stun[host] = std::move(addresses);
  std::vector<Endpoint> all;
  for (const auto& [relay, inside, kept] : map) {
    const auto known = p.stun.find(relay.host);
    if (known == p.stun.end()) continue;
    for (Endpoint endpoint : known->second) {
      endpoint.port = relay.stun_port;
      if (relay.stun_port != 0) all.push_back(endpoint);
    }
  }
  p.prober.set_stun_servers(now.steady, std::move(all));
  p.settle(now);
}

void Core::handle_send_error(Now now, const Endpoint& to) {
  parts_->prober.handle_send_error(now.steady, to);
  parts_->settle(now);
}

void Core::handle_control_open(Now now, ConnectionId id) {
  if (id != parts_->control_connection || !parts_->client) return;
  parts_->client->handle_opened(now.steady);
  parts_->settle(now);
}

void Core::handle_control_message(Now now, ConnectionId id, ByteView message) {
  if (id != parts_->control_connection || !parts_->client) return;
  parts_->client->handle_message(now.steady, message);
  parts_->settle(now);
}

void Core::handle_control_closed(Now now, ConnectionId id, const std::string& reason) {
  if (id != parts_->control_connection || !parts_->client) return;
  parts_->control_connection = 0;
  parts_->client->handle_closed(now.steady, Error{ErrorCode::kUnavailable, reason});
  parts_->settle(now);
}

void Core::handle_relay_open(Now now, ConnectionId id) {
  parts_->relays.handle_open(now, id, parts_->effects);
  parts_->settle(now);
}

void Core::handle_relay_bytes(Now now, ConnectionId id, ByteView bytes) {
  Relays::Inbox inbox;
  parts_->relays.handle_bytes(now, id, bytes, inbox, parts_->effects);
  parts_->relayed(now, inbox);
  parts_->settle(now);
}

void Core::pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out) {
  parts_->relays.pull(now, id, room, out);
}

void Core::handle_relay_closed(Now now, ConnectionId id, const std::string& reason) {
  parts_->log(LogLevel::kWarning, "relay lost", reason);
  parts_->relay_error = reason;
  parts_->relays.handle_closed(now, id, parts_->effects);
  parts_->access_dirty = true;  // peers may get another home
  parts_->settle(now);
}

}  // namespace culvert::agent
