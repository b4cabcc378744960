// The coordinator: what it says is carried, never believed; what it is told are signed notes.
#include "agent/access/hello_bundle.hpp"
#include "agent/core/parts.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::agent {
namespace {

Duration up_to(Duration most, Rng& rng) {
  return Duration{static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count())))};
}

}  // namespace

void Core::Parts::start_control(Now now) {
  const trust::Places* places = evidence.places();
  if (places == nullptr) {
    log(LogLevel::kError, "no coordinator is known",
        "the vendor's list of addresses (culvert/places/v1) is missing; ask for a new token");
    return;
  }
  const trust::CoordinatorEntry* chosen = &places->coordinators.front();
  control_url = options.coordinator;
  if (control_url.empty() && !origin.coordinators.empty())
    control_url = origin.coordinators.front();
  for (const trust::CoordinatorEntry& entry : places->coordinators) {
    if (entry.url == control_url) chosen = &entry;
  }
  if (control_url.empty()) control_url = chosen->url;
  client = std::make_unique<control::Client>(
      control::ClientOptions{keys.control.clone(), chosen->key}, env.rng);
  offer_own(now);
  client->start(now.steady);
}

void Core::Parts::offer_own(Now now) {
  std::optional<std::string> rests_on;
  if (enrolment) {  // and the policy: the coordinator may see it here for the first time
    std::optional<note::Note> policy;
    for (note::Note& note : evidence.chain_notes(node.site.id)) {
      if (trust::kind_of(note.text) == trust::Kind::kPolicy) policy = std::move(note);
    }
    rests_on = hello_bundle(policy, *enrolment, enrolled);
  }
  if (client) client->set_node(note::render(node_note), rests_on);
  std::vector<note::Note> own{node_note};
  if (enrolment && enrolled) own.insert(own.begin(), {*enrolment, *enrolled});
  evidence.offer_all(own, now);  // a device's waits for its admission: not known yet
}

void Core::Parts::pump_control(Now now) {
  if (!client) return;
  const auto carry_out = overloaded{
      [this](const control::OpenConnection&) {
        control_connection = ++last_connection;
        effects.events.emplace_back(
            OpenControl{control_connection, control_url + std::string(control::kPath)});
      },
      [this](const control::CloseConnection&) {
        effects.events.emplace_back(CloseControl{control_connection});
        control_connection = 0;
      },
      [this](control::SendRecord& record) {
        effects.events.emplace_back(SendControl{control_connection, std::move(record.record)});
      },
  };
  for (bool more = true; more;) {
    more = false;
    while (auto output = client->poll_output()) {
      more = true;
      std::visit(carry_out, *output);
    }
    while (auto event = client->poll_event()) {
      more = true;
      on_event(now, std::move(*event));
    }
  }
}

// Chooses among the relays that the coordinator offers, by the policies of the sites. True: this
// node uses other relays than before.
bool Core::Parts::choose_relays() {
  bool changed = false;
  if (options.role == Role::kSite) {
    const auto* policy = evidence.policy(node.site.id);
    if (policy == nullptr) return false;  // nothing is granted: the relays stay as they are
    changed = relays.set_map(relays_of_site(offered_relays, *policy), effects);
    const bool refused = relays.map().empty() && !offered_relays.empty();
    if (refused && !std::exchange(relays_refused, refused)) {
      log(LogLevel::kError, "no relay may be used",
          "the site's policy names its relays, and the coordinator offers none of them");
    }
    relays_refused = refused;
  } else {
    std::map<trust::SiteId, std::optional<RelayIds>> sites;
    std::vector<RelayIds> named;
    std::map<crypto::RelayKey, RelayIds> met;
    for (const auto& [id, right] : rights) {
      const trust::SiteId& site = right.live.grant.site.id;
      const auto [known, is_new] = sites.try_emplace(site);
      if (is_new) {
        const auto* policy = evidence.policy(site);
        if (policy != nullptr) known->second = met_at(offered_relays, *policy);
        if (known->second) named.push_back(*known->second);
      }
      if (known->second) met.emplace(right.other.relay, *known->second);
    }
    changed = relays.set_map(relays_of_laptop(offered_relays, named), effects);
    relays.set_met_at(std::move(met));
  }
  if (changed) resolve_stun();
  return changed;
}

void Core::Parts::resolve_stun() {
  for (const RelayUse& use : relays.map()) {
    if (use.info.stun_port == 0) continue;
    effects.events.emplace_back(ResolveStun{use.info.host, use.info.stun_port, use.inside});
  }
}

void Core::Parts::on_event(Now now, control::Event event) {
  std::visit(overloaded{
                 [&](control::Connected& connected) { on_connected(now, std::move(connected)); },
                 [&](const control::Disconnected& lost) {
                   control_error = lost.why.message;
                   if (std::exchange(control_was_said, true)) return;
                   log(LogLevel::kWarning, "no connection to the coordinator, trying again",
                       control_url + ": " + control_error);
                 },
                 [&](const control::Learned& told) {
                   if (auto note = note::parse(told.note)) learned.push_back(std::move(*note));
                 },
                 [](const control::Dropped&) {},  // what is verified stays until it ends
                 [&](const control::Synced&) { learn(now, std::exchange(learned, {})); },
                 [&](const control::Answered& answered) { on_answer(now, answered); },
                 [&](const control::Leased& leased) {
                   if (!leased.note) return;
                   const auto note = note::parse(*leased.note);
                   if (!note) return;
                   if (const auto taken = take_lease(now, *note); !taken) {
                     log(LogLevel::kDebug, "lease not taken", taken.error().message);
                   }
                 },
                 [&](control::Ticketed& ticketed) { on_ticket(now, std::move(ticketed)); },
             },
             event);
}

void Core::Parts::on_connected(Now now, control::Connected connected) {
  log(LogLevel::kInfo, "coordinator connected", control_url);
  control_error.clear();
  control_was_said = false;
  offered_relays = distinct(std::move(connected.relays));
  if (!choose_relays()) resolve_stun();  // the addresses may have changed
  relays.pairs_changed(now);
  relays.set_wanted(now, options.role == Role::kSite || !peers.empty(), effects);
  leases.ask_now(now);
  journal.resume(connected.audit_next);
  offers.welcomed(now, connected, env.rng);
  due.state = now.steady;  // the coordinator keeps states in memory alone
  if (service_note) {
    static_cast<void>(client->put({note::render(*service_note)}));  // kept until answered
  }
}

// The relay verifies a ticket. Here only the ticket's end matters.
void Core::Parts::on_ticket(Now now, control::Ticketed ticketed) {
  if (!ticketed.note) return;
  const auto note = note::parse(*ticketed.note);
  const auto ticket = note ? trust::Ticket::parse(note->text) : fail_with(note.error());
  if (ticket) {
    relays.ticket(now, ticketed.relay, std::move(*ticketed.note), ticket->expires, effects);
  }
}

void Core::Parts::on_answer(Now now, const control::Answered& answered) {
  const auto question = asked.find(answered.request);
  if (question == asked.end()) {
    if (!answered.reply)
      log(LogLevel::kWarning, "coordinator refused", answered.reply.error().message);
    return;
  }
  const auto then = std::move(question->second);
  asked.erase(question);
  then(now, answered.reply);
}

void Core::Parts::learn(Now now, std::vector<note::Note> notes) {
  for (note::Note& note : unverified) notes.push_back(std::move(note));
  unverified.clear();
  const auto results = evidence.offer_all(notes, now);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const auto kind = trust::kind_of(notes[i].text);
    if (kind == trust::Kind::kRevocation && results[i]) {
      offers.learned(now, notes[i], evidence);
    }
    if (kind == trust::Kind::kGrant && options.role == Role::kDevice) remember_request(notes[i]);
    if (results[i]) continue;
    if (results[i].error().code == ErrorCode::kUnverified) {
      if (unverified.size() >= kMaxUnverified) unverified.pop_front();
      unverified.push_back(std::move(notes[i]));
    }
    log(LogLevel::kDebug, "statement not taken", results[i].error().message);
  }
  say_alarms(now);
  notes_dirty = access_dirty = state_dirty = true;
}

// A site agent says what it serves once it is a node there and the policy lists it.
void Core::Parts::publish(Now now) {
  const trust::Node* self = evidence.node(keys.identity.public_key(), now);
  if (self != nullptr && !std::exchange(is_admitted, true)) {
    audit::Entry entry;
    entry.kind = audit::Kind::kNodeAdmitted;
    entry.device = crypto::format_ed25519(self->identity);
    journal.ending(now, std::move(entry));
    log(LogLevel::kInfo, "admitted", "until " + format_time(self->expires));
  }
  is_admitted = self != nullptr;
  if (self == nullptr) say_revoked();
  if (options.role != Role::kSite || self == nullptr) return;
  const trust::Policy* policy = evidence.policy(self->site.id);
  if (policy == nullptr) return;
  trust::Service next;
  next.site = self->site;
  next.node = self->identity;
  next.issuer = options.server_issuer;
  for (const trust::PolicyService& listed : policy->services) {
    const bool ours = std::any_of(options.services.begin(), options.services.end(), [&](auto& s) {
      return s.name == listed.name.str() || s.name == listed.name.label().str();
    });
    if (ours && self->has_tag(listed.tag)) next.services.push_back(listed.name);
  }
  const bool half_over = service.expires <= now.wall + trust::kMaxAgentLife / 2 + renew_early;
  if (service_note && !half_over && service.services == next.services &&
      service.issuer == next.issuer) {
    return;
  }
  next.serial = service.serial + (service_note ? 1 : 0);
  next.issued = now.wall;
  next.expires = now.wall + trust::kMaxAgentLife;
  auto note = trust::sign_statement(next, trust::Signer{self->name.str(), keys.identity});
  if (!note) return log(LogLevel::kError, "cannot publish", note.error().message);
  const auto taken = evidence.offer(*note, now);
  if (!taken) return log(LogLevel::kError, "cannot publish", taken.error().message);
  if (auto saved = memory.save_own("service", {*note}); !saved) {
    log(LogLevel::kError, "cannot store what is served", saved.error().message);
  }
  service = std::move(next);
  service_note = std::move(*note);
  notes_dirty = access_dirty = true;
  if (client) static_cast<void>(client->put({note::render(*service_note)}));  // kept until answered
}

// Whoever carries a lease, it counts for the side whose lease key signed it.
Status Core::Parts::take_lease(Now now, const note::Note& note) {
  const auto lease = evidence.verify_lease(note);
  if (!lease) return fail_with(lease.error());
  if (auto taken = leases.accept(now, *lease); !taken) return taken;
  if (lease->by_vendor) evidence.heed(lease->lease, trust::RootKind::kVendor);
  if (lease->by_customer) evidence.heed(lease->lease, trust::RootKind::kSite);
  access_dirty = true;
  return {};
}

void Core::Parts::ask_leases(Now now) {
  ask_customer(now);
  if (!client) return;
  for (const trust::LeaseRequest& request : leases.due(now, trust::RootKind::kVendor)) {
    std::vector<std::string> grants;
    for (const trust::GrantId& id : request.grants) grants.push_back(id.str());
    // Not connected: it is asked again at the next third, or when the connection is back.
    static_cast<void>(client->request_lease(trust::to_hash(request.site.id), request.nonce.bytes,
                                            std::move(grants)));
  }
}

void Core::Parts::ask_tickets(Now now) {
  for (std::string& relay : relays.tickets_due(now)) {
    if (client) static_cast<void>(client->request_ticket(std::move(relay)));  // asked again later
  }
}

void Core::Parts::upload(Now now) {
  if (!client || !client->connected() || !journal.has_batch() || due.upload > now.steady) return;
  Journal::Batch batch = journal.next_batch();
  const auto end = batch.first + batch.lines.size();
  const auto id = client->upload_audit(batch.first, std::move(batch.lines));
  if (!id) {
    journal.acknowledge(false);
    due.upload = now.steady + kUploadRetry;
    return;
  }
  asked[*id] = [this, end](Now then, const Result<control::Reply>& reply) {
    const bool never = !reply && reply.error().code == ErrorCode::kInvalid;
    const bool behind = reply && reply->next < end;  // it lacks what came before the batch
    const std::uint64_t count =
        never ? journal.refuse() : journal.acknowledge(reply.has_value() && !behind);
    if (behind) return journal.resume(reply->next);
    if (never) log(LogLevel::kWarning, "audit lines refused", reply.error().message);
    if (!reply && !never) {
      due.upload = then.steady + kUploadRetry;
      return log(LogLevel::kDebug, "audit upload refused", reply.error().message);
    }
    static_cast<void>(memory.save_uploaded(count));  // else they are sent twice, which adds nothing
  };
}

void Core::Parts::offer_kept(Now now) {
  if (!client || !client->connected()) return offers.later(now);  // the next welcome plans it anew
  auto what = offers.offer();
  const auto id = client->offer(std::move(what.ids), std::move(what.notes));
  if (!id) return offers.later(now);
  asked[*id] = [this](Now then, const Result<control::Reply>& reply) {
    if (!reply) return log(LogLevel::kWarning, "revocations not offered", reply.error().message);
    const auto count = offers.answered(then, reply->lines);
    if (count == 0) return;
    log(LogLevel::kWarning, "the coordinator has lost revocations; they are handed in again",
        std::to_string(count));
  };
}

// A coordinator may have forgotten a device that waits, so the device says it again until its
// vendor has answered.
void Core::Parts::offer_again(Now now) {
  const auto* known = evidence.node_note(node.identity);
  if (options.role != Role::kDevice || (known != nullptr && known->text == node_note.text)) return;
  if (client && client->connected()) static_cast<void>(client->put({note::render(node_note)}));
  due.renew = std::min(due.renew, now.steady + kRenewRetry + up_to(kRenewRetry, env.rng));
}

}  // namespace culvert::agent
