#include "tests/sim/servers.hpp"

#include "coordinator/core/operator.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/path/stun.hpp"
#include "proto/trust/statements/ticket.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kRoom = std::size_t{1} << 20U;  // streams accept any number of bytes

}  // namespace

// --- relay ---

RelayHost::RelayHost(Context& context, const Vendor& vendor, const Place& place)
    : Host(context, "relay", place),
      vendor_(vendor),
      key_(derp::RelayKeyPair::generate(context.rng)) {
  serve_stun();
}

control::RelayInfo RelayHost::info() const {
  control::RelayInfo info;
  info.id = "relay-1";
  info.host = kRelayHost;
  info.port = kRelayPort;
  info.stun_port = kStunServerPort;
  info.key = key_.public_key;
  return info;
}

void RelayHost::serve_stun() {
  context_.network.on_datagram(id(), [this](const Endpoint& from, const Endpoint& to, Bytes bytes) {
    if (!running() || to.port != kStunServerPort) return;
    const auto request = path::parse_stun_request(bytes);
    if (!request) return;  // the request was corrupted on its way
    context_.network.send(id(), kStunServerPort, from, path::stun_answer(*request, from));
  });
}

void RelayHost::start() {
  say("starts");
  context_.network.set_up(id(), true);
  const std::vector<note::KnownKey> keys = {{"ticket", vendor_.ticket.public_key()}};
  auto verify = [keys, relay = key_.public_key](ByteView note,
                                                Now now) -> Result<derp::TicketFacts> {
    auto ticket = trust::verify_ticket(text(note), keys, relay, now.wall);
    if (!ticket) return fail_with(ticket.error());
    return derp::TicketFacts{ticket->node, ticket->peers, ticket->expires, ticket->rate};
  };
  relay::Options options;
  options.key = key_.clone();
  core_ = std::make_unique<relay::Core>(std::move(options), std::move(verify), context_.rng);
  context_.network.listen(id(), kRelayPort, Framing::kBytes, [this](StreamId stream, HostId) {
    core_->handle_open(now(), stream);
    pump();
    StreamEvents events;
    events.data = [this, stream](ByteView bytes) {
      core_->handle_bytes(now(), stream, bytes);
      pump();
    };
    events.closed = [this, stream](const std::string&) {
      core_->handle_closed(now(), stream);
      pump();
    };
    return events;
  });
}

void RelayHost::crash() {
  say("crashes");
  core_.reset();
  context_.network.set_up(id(), false);
}

Instant RelayHost::next_deadline() const {
  return core_ ? core_->next_deadline() : Instant::never();
}

void RelayHost::handle_timeout() {
  core_->handle_timeout(now());
  pump();
}

void RelayHost::pump() {
  relay::Effects effects;
  core_->drain(effects);
  for (const auto stream : effects.writable) {
    Bytes out;
    core_->pull(now(), stream, kRoom, out);
    context_.network.write(stream, id(), out);
  }
  for (const auto& close : effects.closes) {
    say("closes a connection: " + close.reason.message);
    context_.network.write(close.id, id(), close.last);
    context_.network.close(close.id, id());
  }
}

// --- coordinator ---

CoordinatorHost::CoordinatorHost(Context& context, const Vendor& vendor,
                                 const std::vector<SiteDocuments>& sites,
                                 std::vector<control::RelayInfo> relays, const Place& place)
    : Host(context, "coordinator", place), vendor_(vendor), relays_(std::move(relays)) {
  must(coordinator::add_vendor(now(), store_, note::render_bundle(vendor.chain)));
  for (const auto& site : sites) {
    auto notes = site.notes;
    notes.push_back(site.entry);
    must(coordinator::add_site(now(), store_, note::render_bundle(notes)));
  }
}

void CoordinatorHost::start() {
  say("starts");
  context_.network.set_up(id(), true);
  coordinator::CoreOptions options{vendor_.control.clone(), vendor_.lease.clone(),
                                   vendor_.ticket.clone(), relays_};
  core_ = std::make_unique<coordinator::Core>(std::move(options), store_, context_.rng);
  if (const auto loaded = core_->load(now()); !loaded) give_up(loaded.error().message);
  context_.network.listen(id(), kCoordinatorPort, Framing::kMessages,
                          [this](StreamId stream, HostId from) {
                            const coordinator::ConnectionId connection{stream};
                            core_->handle_opened(now(), connection, context_.network.name(from));
                            pump();
                            StreamEvents events;
                            events.data = [this, connection](ByteView record) {
                              core_->handle_message(now(), connection, record);
                              pump();
                            };
                            events.closed = [this, connection](const std::string&) {
                              core_->handle_closed(now(), connection);
                              pump();
                            };
                            return events;
                          });
}

void CoordinatorHost::crash() {
  say("crashes");
  malformed_ += core_->counters().malformed;
  core_.reset();
  context_.network.set_up(id(), false);
}

Instant CoordinatorHost::next_deadline() const {
  return core_ ? core_->next_deadline() : Instant::never();
}

void CoordinatorHost::handle_timeout() {
  core_->handle_timeout(now());
  pump();
}

void CoordinatorHost::pump() {
  for (const auto& effect : core_->take_effects()) {
    std::visit(overloaded{[this](const coordinator::SendTo& send) {
                            context_.network.write(send.connection.value, id(), send.record);
                          },
                          [this](const coordinator::CloseIt& close) {
                            context_.network.close(close.connection.value, id());
                          }},
               effect);
  }
}

}  // namespace culvert::sim
