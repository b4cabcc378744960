#include "tests/sim/agent_host.hpp"

#include <algorithm>
#include <utility>

#include "proto/core/overloaded.hpp"
#include "proto/derp/payload.hpp"
#include "tests/sim/ceremony.hpp"

namespace culvert::sim {

AgentHost::AgentHost(Context& context, agent::Options options, const Place& place,
                     Endpoint coordinator, Endpoint relay)
    : Host(context, options.name, place),
      options_(std::move(options)),
      coordinator_(coordinator),
      relay_(relay) {
  listen();
}

AgentHost::AgentHost(const AgentHost& original, const Place& place)
    : Host(original, original.name() + "-clone", place),
      options_(original.options_),
      coordinator_(original.coordinator_),
      relay_(original.relay_),
      disk_(original.backup()),
      audit_parted_(true),
      pinned_relay_(original.pinned_relay_),
      services_(original.services_),
      has_started_(true) {
  listen();
}

void AgentHost::listen() {
  context_.network.on_datagram(id(), [this](const Endpoint& from, const Endpoint& to, Bytes bytes) {
    if (!running() || to.port != kAgentPort) return;
    const Datagram datagram{UdpWay{from}, bytes};
    core_->handle_datagrams(now(), {&datagram, 1});
    pump();
  });
}

void AgentHost::start() {
  say("starts");
  context_.network.set_up(id(), true);
  context_.oracle.restarted(id());
  auto options = options_;
  if (has_started_) {
    options.token.reset();
  } else {
    set_clock({});  // a person who enrols a machine checks its clock
    context_.news = now().steady;
  }
  const bool orphaned = disk_->orphaned();
  auto core = agent::Core::start(std::move(options),
                                 {disk_->site, disk_->node, disk_->audit, context_.rng}, now());
  if (!core) {
    // Only a log that cannot be written, or a lost site store, may keep an agent from starting.
    say("cannot start: " + core.error().message);
    if (core.error().code != ErrorCode::kExhausted && !orphaned) {
      context_.oracle.violation(name() + " cannot start: " + core.error().message);
    }
    return;
  }
  if (orphaned) context_.oracle.violation(name() + " starts though its site store is gone");
  has_started_ = true;
  core_ = std::move(*core);
  begin_process();
  refused_ = audit().refused();
  core_->handle_local_endpoints(now(), {{place().address, kAgentPort}});
  talk_at_ = now().steady + kTalkEvery;
  pump();
}

void AgentHost::begin_process() {
  if (is_site()) return;
  context_.processes.erase(mesh_address());
  if (audit_parted_) return;  // there may be two clones
  const auto first = static_cast<std::uint16_t>(std::max<int>(last_port_ + 1, kFirstPort));
  context_.processes[mesh_address()] = {first, now().steady};
}

void AgentHost::stop() {
  if (!running()) return;
  say("stops");
  core_->stop(now());
  talk_at_ = Instant::never();
  pump();
}

void AgentHost::crash() {
  say("crashes");
  core_.reset();
  touched_ = true;
  context_.oracle.set_audit(now().steady, id(), false);  // the next process has to find out
  controls_.clear();
  relays_.clear();
  listening_.clear();
  accepted_.clear();
  flows_.clear();
  effects_.clear();
  talk_at_ = Instant::never();
  context_.network.set_up(id(), false);
}

void AgentHost::rest(Duration time) {
  if (time > 0s) say("nobody uses it");
  if (running()) talk_at_ = now().steady + time;
}

void AgentHost::restore(const Disk& backup, bool with_audit) {
  say(with_audit ? "an old copy of its folder is restored" : "old stores are restored");
  if (with_audit) {
    disk_ = backup.copy();
    audit_parted_ = true;
  } else {
    disk_->restore_stores(backup);
  }
  disk_changed();
}

void AgentHost::lose_site_store() {
  say("its site store is lost");
  disk_->site.restore({});
  disk_changed();
}

void AgentHost::lose_everything(std::string token) {
  say("everything is lost: a new token");
  disk_ = std::make_unique<Disk>();
  audit_parted_ = false;
  options_.token = std::move(token);
  has_started_ = false;
  disk_changed();
}

void AgentHost::disk_changed() {
  entries_read_ = 0;
  opened_.clear();
  context_.oracle.forgets(id());
}

void AgentHost::move_to(const Place& place) {
  say("moves to " + format(place.address));
  context_.network.set_place(id(), place);
  if (!running()) return;
  for (const auto& [connection, stream] : std::exchange(controls_, {})) {
    context_.network.close(stream, id());
    core_->handle_control_closed(now(), connection, "the network changed");
  }
  for (const auto& [connection, relayed] : std::exchange(relays_, {})) {
    context_.network.close(relayed.stream, id());
    core_->handle_relay_closed(now(), connection, "the network changed");
  }
  core_->handle_local_endpoints(now(), {{place.address, kAgentPort}});
  pump();
}

Instant AgentHost::next_deadline() const {
  return core_ ? std::min(core_->next_deadline(), talk_at_) : Instant::never();
}

void AgentHost::handle_timeout() {
  if (core_->next_deadline() <= now().steady) core_->handle_timeout(now());
  pump();
  if (running() && talk_at_ <= now().steady) {
    talk_at_ = now().steady + kTalkEvery;
    talk();
    pump();
  }
}

// --- what the shell does with effects ---

void AgentHost::pump() {
  touched_ = true;
  for (core_->drain(effects_); !effects_.empty(); core_->drain(effects_)) {
    auto effects = std::exchange(effects_, {});
    for (const auto& effect : effects.events) act(effect);
    for (const Datagram& datagram : effects.datagrams.items()) {
      context_.oracle.sent(id(), name(), datagram.bytes);
      context_.network.send(id(), kAgentPort, *endpoint_of(datagram.way), datagram.bytes);
    }
    for (const ByteView packet : effects.mesh.items()) receive(packet);
  }
  // The agent knows that its log fails from the first refused write.
  if (std::exchange(refused_, audit().refused()) != audit().refused()) {
    context_.oracle.set_audit(now().steady, id(), true);
  }
}

void AgentHost::act(const agent::Effect& effect) {
  const auto carry_out = overloaded{
      [this](const agent::OpenControl& open) { open_control(open); },
      [this](const agent::SendControl& send) {
        const auto found = controls_.find(send.id);
        if (found != controls_.end()) context_.network.write(found->second, id(), send.message);
      },
      [this](const agent::CloseControl& close) {
        if (const auto node = controls_.extract(close.id)) {
          context_.network.close(node.mapped(), id());
        }
      },
      [this](const agent::OpenRelay& open) { open_relay(open); },
      [this](const agent::FlushRelay& waits) { flush_relay(waits.id); },
      [this](const agent::CloseRelay& close) {
        if (const auto node = relays_.extract(close.id)) {
          context_.network.close(node.mapped().stream, id());
        }
      },
      [](const agent::AddAddress&) {},  // every address of a simulated node exists already
      [](const agent::RemoveAddress&) {},
      [this](const agent::ListenService& listen) { listening_[listen.endpoint] = listen.fqdn; },
      [this](const agent::UnlistenService& unlisten) { listening_.erase(unlisten.endpoint); },
      [this](const agent::CutFlows& cut) { cut_flows(cut); },
      [this](const agent::ResolveStun& resolve) {
        context_.network.after(5ms, [this, host = resolve.host, port = resolve.port] {
          if (!running()) return;
          core_->handle_stun_servers(now(), host, {{relay_.address, port}});
          pump();
        });
      },
      [](const agent::AskLease&) {},  // no customer has a lease server in the simulation
      [this](const agent::LogLine& line) {
        say(line.event + (line.detail.empty() ? "" : ": " + line.detail));
      },
  };
  std::visit(carry_out, effect);
}

void AgentHost::cut_flows(const agent::CutFlows& cut) {
  say("cuts " + format(cut.peer) + ": " + cut.reason);
  std::erase_if(accepted_, [&](const auto& flow) {
    return flow.first.first.address == cut.peer &&
           (!cut.service || flow.first.second == *cut.service);
  });
  for (auto& [fqdn, flow] : flows_) {
    if (cut.service == flow.service) flow.heard = now().steady - kFlowDead;
  }
}

void AgentHost::open_control(const agent::OpenControl& open) {
  const auto connection = open.id;
  StreamEvents events;
  events.opened = [this, connection] {
    core_->handle_control_open(now(), connection);
    pump();
  };
  events.data = [this, connection](ByteView message) {
    core_->handle_control_message(now(), connection, message);
    pump();
  };
  events.closed = [this, connection](const std::string& why) {
    controls_.erase(connection);
    core_->handle_control_closed(now(), connection, why);
    pump();
  };
  controls_[connection] = context_.network.connect(id(), coordinator_, std::move(events));
}

void AgentHost::open_relay(const agent::OpenRelay& open) {
  const auto connection = open.id;
  StreamEvents events;
  events.opened = [this, connection] {
    core_->handle_relay_open(now(), connection);
    pump();
  };
  events.data = [this, connection](ByteView bytes) {
    core_->handle_relay_bytes(now(), connection, bytes);
    pump();
  };
  events.closed = [this, connection](const std::string& why) {
    relays_.erase(connection);
    core_->handle_relay_closed(now(), connection, why);
    pump();
  };
  const bool pinned = open.relay.certificate_sha256 == kRelayPin;
  if (pinned_relay_ && !pinned) {
    context_.oracle.violation(name() + " opens the relay " + open.relay.id +
                              ", which its site's policy does not name");
  }
  Endpoint to = relay_;
  if (open.relay.host != kRelayHost) to.port = 0;  // nobody listens there
  relays_[connection].stream = context_.network.connect(id(), to, std::move(events));
}

void AgentHost::flush_relay(agent::ConnectionId connection) {
  const auto found = relays_.find(connection);
  if (found == relays_.end() || found->second.busy) return;
  Bytes bytes;
  core_->pull_relay(now(), connection, kRelayRoom, bytes);
  if (bytes.empty()) return;
  watch_relay(found->second, bytes);
  context_.network.write(found->second.stream, id(), bytes);
  found->second.busy = true;
  context_.network.after(kRelayTime, [this, connection, stream = found->second.stream] {
    const auto again = relays_.find(connection);
    if (again == relays_.end() || again->second.stream != stream) return;  // an old stream
    again->second.busy = false;
    flush_relay(connection);
  });
}

void AgentHost::watch_relay(Relayed& relayed, ByteView bytes) {
  const auto fed = relayed.reader.feed(bytes, [this](const derp::Frame& frame) {
    if (frame.type == derp::FrameType::kSendPacket) {
      context_.oracle.sent(id(), name(), derp::read_packet(frame.payload).bytes);
    }
    return true;
  });
  if (!fed) context_.oracle.violation(name() + " sent a malformed frame");
}

bool AgentHost::connected() {
  if (std::exchange(touched_, false)) {
    connected_ = running() && core_->status(now()).coordinator_connected;
  }
  return connected_;
}

// --- commands ---

void AgentHost::request(const KnownService& service, std::chrono::seconds duration) {
  if (!running()) return;
  context_.news = now().steady;
  core_->request(now(), {service.fqdn, "INC-1", duration, {}, {}},
                 [this, then = now().steady, fqdn = service.fqdn](const auto& view) {
                   context_.news = now().steady;
                   if (view) context_.oracle.asked(then, view->grant);
                   say("request for " + fqdn + ": " +
                       (view ? view->grant + " " + std::string(trust::phase_name(view->phase))
                             : view.error().message));
                 });
  pump();
}

void AgentHost::lock(bool locked) {
  if (!running()) return;
  say(locked ? "lock" : "unlock");
  if (!locked) context_.oracle.set_locked(id(), false);
  const auto done = [this, locked](const Result<void>& result) {
    if (!result) return context_.oracle.violation(name() + " cannot lock or unlock");
    if (locked) context_.oracle.set_locked(id(), true);
  };
  if (locked) {
    core_->lock(now(), done);
  } else {
    core_->unlock(now(), done);
  }
  pump();
}

void AgentHost::deny(const std::string& grant) {
  if (!running()) return;
  say("deny " + grant);
  core_->deny(now(), grant, [this, grant](const Result<void>& result) {
    if (result) {
      context_.oracle.denied(grant, id());
    } else {
      say("deny: " + result.error().message);
    }
  });
  pump();
}

bool AgentHost::reset_clock() {
  if (!running() || core_->status(now()).clock_ok) return false;
  say("its clock is right again: reset");
  core_->reset_clock(now(), [this](const Result<void>& result) {
    if (!result) context_.oracle.violation(name() + " cannot reset its clock");
  });
  pump();
  return true;
}

bool AgentHost::serves(const std::string& fqdn) const {
  return std::any_of(options_.services.begin(), options_.services.end(),
                     [&](const auto& service) { return service.name == fqdn; });
}

void AgentHost::set_audit_failing(bool failing) {
  say(failing ? "its disk is full" : "its disk has room");
  disk_->audit.set_failing(failing);
  if (!failing) context_.oracle.set_audit(now().steady, id(), false);
}

bool AgentHost::heard_since(const std::string& fqdn, Instant since) const {
  const auto in = [&](const std::map<std::string, Instant>& heard) {
    const auto found = heard.find(fqdn);
    return found != heard.end() && found->second >= since;
  };
  return in(heard_) && in(heard_full_);
}

}  // namespace culvert::sim
