// Wiring: every input goes to the part that it concerns, then settle() draws the consequences.
#include "agent/core/core.hpp"

#include <algorithm>

namespace culvert::agent {

Result<std::unique_ptr<Core>> Core::start(Options options, Environment environment, Now now) {
  auto access = Access::start(std::move(options), environment, now);
  if (!access) return fail_with(access.error());
  std::unique_ptr<Core> core(new Core(std::move(*access), environment, now));
  core->link_.start(now);
  core->settle(now);
  return core;
}

Core::Core(std::unique_ptr<Access> access, const Environment& environment, Now now)
    : access_(std::move(access)),
      mesh_({access_->options().role, access_->own().node().address(),
             access_->options().allow_loopback, access_->options().direct,
             access_->options().host_stack},
            {access_->keys().wireguard.clone(), access_->keys().disco.clone(),
             access_->keys().relay.clone()},
            *access_, environment.rng, now),
      link_(*access_, mesh_, relay_choice_, environment.rng, now) {}

// Each step needs the steps before it, and no step needs a later one:
//   1. What the coordinator has sent becomes evidence, leases and tickets.
//   2. The store is written. If the store works again, step 3 begins the grants that had to wait.
//   3. The rights are decided anew, if anything so far may change them, and applied (update()).
//   4. The link takes what steps 1 to 3 have to say to the coordinator: signed notes, questions for
//      leases and tickets, and the audit entries that were just written.
//   5. The link sends all that.
//   6. Packets are sealed and sent last, since each step before may have added some: answers,
//      resets, handshakes with new peers.
// A ping's caller is told after everything else, because it may look at the core.
void Core::settle(Now now) {
  if (stopping_) access_->finish(now);
  link_.pump(now);
  access_->persist(now);
  if (mesh_.take_news()) access_->look_again();
  if (access_->changed()) update(now);
  link_.report(now);
  link_.pump(now);
  mesh_.transmit(now);
  collect_events();
  mesh_.answer_pings();
}

// Mesh cuts the flows of rights that have ended before Access records the ends (an end that cannot
// be recorded is an end all the same), and Access records a right that begins before Mesh permits
// it. At last the store keeps what the decision has changed: ended grants and claims.
void Core::update(Now now) {
  access_->decide(now, mesh_.find_silent(now));
  if (!stopping_) mesh_.apply(now, access_->permits(), relay_choice_.plan(*access_));
  access_->record_ends(now);
  access_->persist(now);
  collect_events();
}

// Mesh comes first: flows are cut before their listener goes, so that each flow ends with the
// reason of its own cut.
void Core::collect_events() {
  const auto take = [this](auto events) {
    for (auto& each : events) {
      if constexpr (std::is_same_v<std::decay_t<decltype(each)>, LogLine>) {
        events_.emplace_back(std::move(each));
      } else {
        std::visit([this](auto& event) { events_.emplace_back(std::move(event)); }, each);
      }
    }
  };
  take(mesh_.take_events());
  take(access_->take_events());
  take(relay_choice_.take_lines());
  take(link_.take_events());
}

void Core::drain(Effects& into) {
  into.clear();
  std::swap(into.events, events_);
  mesh_.drain(into);
}

Instant Core::next_deadline() const {
  return std::min({access_->next_deadline(), mesh_.next_deadline(), link_.next_deadline()});
}

void Core::handle_timeout(Now now) {
  link_.handle_timeout(now);
  mesh_.handle_timeout(now);
  access_->handle_timeout(now);
  settle(now);
}

void Core::learn_documents(Now now, const std::vector<DocumentFile>& files) {
  access_->learn_documents(now, files);
  settle(now);
}

void Core::handle_lease_answer(Now now, const Result<std::string>& answer) {
  access_->handle_lease_answer(now, answer);
  settle(now);
}

void Core::handle_datagrams(Now now, std::span<const Datagram> datagrams) {
  mesh_.handle_datagrams(now, datagrams);
  settle(now);
}

void Core::handle_mesh(Now now, std::span<const RoomyPacket> packets) {
  mesh_.handle_packets(now, packets);
  settle(now);
}

void Core::handle_local_endpoints(Now now, std::vector<Endpoint> endpoints) {
  mesh_.handle_local_endpoints(now, std::move(endpoints));
  settle(now);
}

void Core::handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses) {
  mesh_.handle_stun_servers(now, host, std::move(addresses));
  settle(now);
}

void Core::handle_send_error(Now now, const Endpoint& to) {
  mesh_.handle_send_error(now, to);
  settle(now);
}

void Core::handle_control_open(Now now, ConnectionId id) {
  link_.handle_open(now, id);
  settle(now);
}

void Core::handle_control_message(Now now, ConnectionId id, ByteView message) {
  link_.handle_message(now, id, message);
  settle(now);
}

void Core::handle_control_closed(Now now, ConnectionId id, const std::string& reason) {
  link_.handle_closed(now, id, reason);
  settle(now);
}

void Core::handle_relay_open(Now now, ConnectionId id) {
  mesh_.handle_relay_open(now, id);
  settle(now);
}

void Core::handle_relay_bytes(Now now, ConnectionId id, ByteView bytes) {
  mesh_.handle_relay_bytes(now, id, bytes);
  settle(now);
}

void Core::pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out) {
  mesh_.pull_relay(now, id, room, out);
}

void Core::handle_relay_closed(Now now, ConnectionId id, const std::string& reason) {
  mesh_.handle_relay_closed(now, id, reason);
  settle(now);
}

}  // namespace culvert::agent
