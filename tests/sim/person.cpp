#include "tests/sim/person.hpp"

#include <algorithm>

#include "proto/core/overloaded.hpp"

namespace culvert::sim {
namespace {

constexpr Duration kAskEvery = 2s;  // while there may be news
constexpr Duration kNewsLast = 8s;
constexpr Duration kAskSeldom = 15s;  // otherwise: a list costs much time

}  // namespace

PersonHost::PersonHost(Context& context, Office office, const KeyHolder& key, const Vendor& vendor,
                       const SiteDocuments* site, const Place& place, Endpoint coordinator)
    : Host(context, key.who.str(), place),
      office_(office),
      key_(key),
      vendor_(vendor),
      evidence_(site != nullptr ? trust::Pins{site->root_hash, std::nullopt, true}
                                : trust::Pins{std::nullopt, vendor.genesis, true},
                {}),
      coordinator_(coordinator) {
  auto notes = vendor.chain;
  if (site != nullptr) notes.insert(notes.end(), site->notes.begin(), site->notes.end());
  for (const auto& offered : evidence_.offer_all(now(), notes)) {
    if (!offered) give_up(this->name() + ": " + offered.error().message);
  }
}

void PersonHost::start() {
  context_.network.set_up(id(), true);
  control::ClientOptions options{
      control::noise::KeyPair::generate(context_.rng), vendor_.control.public_key, {}};
  options.proofs.push_back(key_.key.clone());
  client_ = std::make_unique<control::Client>(std::move(options), context_.rng);
  client_->start(now().steady);
  asked_at_ = now().steady;
  pump();
}

void PersonHost::crash() {
  client_.reset();
  stream_.reset();
  question_.reset();
  confirmed_.clear();
  context_.network.set_up(id(), false);
}

Instant PersonHost::next_deadline() const {
  return client_ ? std::min(client_->next_deadline(), ask_at()) : Instant::never();
}

Instant PersonHost::ask_at() const {
  const bool news = asked_at_ - context_.news < kNewsLast;
  return asked_at_ + (news ? kAskEvery : kAskSeldom);
}

void PersonHost::handle_timeout() {
  if (client_->next_deadline() <= now().steady) client_->handle_timeout(now().steady);
  if (ask_at() <= now().steady) {
    asked_at_ = now().steady;
    ask();
  }
  pump();
}

void PersonHost::ask() {
  if (question_ || !client_->connected()) return;
  const auto what =
      office_ == Office::kAdmission ? control::ListWhat::kDevices : control::ListWhat::kRequests;
  if (const auto asked = client_->list(what, std::nullopt)) question_ = *asked;
}

void PersonHost::open() {
  StreamEvents events;
  events.opened = [this] {
    client_->handle_opened(now().steady);
    pump();
  };
  events.data = [this](ByteView record) {
    client_->handle_message(now().steady, record);
    pump();
  };
  events.closed = [this](const std::string& why) {
    stream_.reset();
    client_->handle_closed(now().steady, {ErrorCode::kUnavailable, why});
    pump();
  };
  stream_ = context_.network.connect(id(), coordinator_, std::move(events));
}

void PersonHost::pump() {
  for (bool more = true; more;) {
    more = false;
    while (auto output = client_->poll_output()) {
      more = true;
      carry_out(*output);
    }
    while (auto event = client_->poll_event()) {
      more = true;
      take(*event);
    }
  }
}

void PersonHost::carry_out(const control::Output& output) {
  std::visit(overloaded{[this](const control::OpenConnection&) { open(); },
                        [this](const control::CloseConnection&) {
                          if (!stream_) return;
                          context_.network.close(*stream_, id());
                          stream_.reset();
                        },
                        [this](const control::SendRecord& send) {
                          if (stream_) context_.network.write(*stream_, id(), send.record);
                        }},
             output);
}

void PersonHost::take(const control::Event& event) {
  std::visit(overloaded{[this](const control::Answered& reply) { answered(reply); },
                        // ask() looks at the client to see whether the client is connected.
                        [](const control::Connected&) {}, [](const control::Disconnected&) {},
                        // A person keeps no statements and asks for no lease and no ticket.
                        [](const control::Learned&) {}, [](const control::Dropped&) {},
                        [](const control::Synced&) {}, [](const control::Leased&) {},
                        [](const control::Ticketed&) {}},
             event);
}

void PersonHost::answered(const control::Answered& answer) {
  const auto put = confirmed_.extract(answer.request);
  if (!answer.reply) {
    say("refused: " + answer.reply.error().message);
    if (question_ == answer.request) question_.reset();
  } else if (put) {
    put.mapped()();
  } else if (question_ == answer.request) {
    question_.reset();
    decide(*answer.reply);
  }
}

void PersonHost::decide(const control::Reply& reply) {
  std::vector<note::Note> notes;
  for (const auto& text : reply.notes) {
    if (!known_.insert(text).second) continue;  // verifying again costs time and adds nothing
    if (auto parsed = note::parse(text)) notes.push_back(std::move(*parsed));
  }
  evidence_.offer_all(now(), notes);
  for (const auto& listed : reply.entries) {
    if (!listed.state.starts_with(office_ == Office::kAdmission ? "WAITING" : "PENDING")) continue;
    if (office_ == Office::kAdmission) {
      admit(listed);
    } else {
      approve(listed);
    }
  }
}

void PersonHost::put(const note::Note& note, std::function<void()> confirmed) {
  const auto id = client_->put({note::render(note)});
  if (!id) return say("cannot put: " + id.error().message);
  confirmed_[*id] = std::move(confirmed);
}

void PersonHost::admit(const control::Listed& listed) {
  auto device = must(note::parse(listed.note));
  const auto id = note::hash(device);
  if (!signed_.insert(id).second) return;
  must(trust::verify_self_signed(device));
  const auto admitted = must(trust::add_signature(std::move(device), key_.signer()));
  put(admitted, [this, id] { context_.oracle.acknowledged(id, key_.who.str()); });
}

void PersonHost::approve(const control::Listed& listed) {
  auto request = must(note::parse(listed.note));
  const auto id = note::hash(request);
  if (signed_.contains(id)) return;
  if (const auto checked = evidence_.check_request(now(), request); !checked) {
    return say("does not approve: " + checked.error().message);
  }
  const auto grant = must(trust::Grant::parse(request.text));
  signed_.insert(id);
  approved_[grant.id.str()] = grant;
  const auto* policy = evidence_.policy(grant.site.id);
  const auto* service = policy == nullptr ? nullptr : policy->service(grant.service);
  if (service == nullptr) return context_.oracle.violation("a request that no policy bears");
  const Pair pair{trust::node_address(grant.device),
                  {trust::service_address(grant.site.id, grant.service), service->port()}};
  say("approves " + grant.id.str() + " for " + grant.service.str());
  context_.oracle.requested(grant.id.str(), pair, grant.not_before, grant.not_after);
  context_.oracle.approved(now().steady, grant.id.str(), office_ == Office::kSiteApprover);
  const auto approved = must(trust::add_signature(std::move(request), key_.signer()));
  put(approved, [this, id] { context_.oracle.acknowledged(id, key_.who.str()); });
}

bool PersonHost::revoke(const std::string& grant) {
  const auto found = approved_.find(grant);
  if (!running() || found == approved_.end()) return false;
  say("revokes " + grant);
  context_.oracle.ending(grant);
  const auto note =
      must(trust::revoke_grant(found->second, vendor_.id(), "enough", now().wall, key_.signer()));
  put(note, [this, grant, id = note::hash(note), ends = found->second.not_after] {
    context_.oracle.revoked(now().steady, grant);
    // The coordinator keeps no revocation of a grant that has ended by now.
    if (now().wall + 2 * kMaxSkew < ends) context_.oracle.acknowledged(id, key_.who.str());
  });
  pump();
  return true;
}

}  // namespace culvert::sim
