// The agent without its sockets: packets, grants, messages and time in, effects out. Pure: the
// shell (or the simulator) hands in bytes and Now, drains Effects after each call, and calls
// handle_timeout at next_deadline. One thread owns it.
//
// The core wires three parts together, and none of them knows another's inside: Access (who may do
// what), Mesh (packets) and CoordinatorLink. Each input goes to one part; then settle() draws the
// consequences for the others.
#pragma once

#include <memory>
#include <span>

#include "agent/access/access.hpp"
#include "agent/core/effects.hpp"
#include "agent/core/link.hpp"
#include "agent/core/relay_choice.hpp"
#include "agent/core/views.hpp"
#include "agent/mesh/mesh.hpp"

namespace culvert::agent {

class Core {
 public:
  // Fails with one clear line when the store rules, the token or the pin forbid to start.
  static Result<std::unique_ptr<Core>> start(Options options, Environment environment, Now now);

  // Inputs. Spans are read (datagrams: decrypted in place) during the call only.
  void handle_datagrams(Now now, std::span<const Datagram> datagrams);
  // From this node's own stack. A packet with room is sealed in its own memory, so its memory must
  // live until the datagrams of the next drain() are sent.
  void handle_mesh(Now now, std::span<const RoomyPacket> packets);
  void handle_local_endpoints(Now now, std::vector<Endpoint> endpoints);  // our addresses and port
  void handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses);
  void handle_send_error(Now now, const Endpoint& to);
  void handle_control_open(Now now, ConnectionId id);
  void handle_control_message(Now now, ConnectionId id, ByteView message);
  void handle_control_closed(Now now, ConnectionId id, const std::string& reason);
  void handle_relay_open(Now now, ConnectionId id);
  void handle_relay_bytes(Now now, ConnectionId id, ByteView bytes);
  void handle_relay_closed(Now now, ConnectionId id, const std::string& reason);
  // Appends whole frames while `out` has less than `room` bytes. Call it at FlushRelay, and when
  // the transport has room again.
  void pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out);
  // All files of the folder of documents (`--documents`), each time that the folder has changed.
  void learn_documents(Now now, const std::vector<DocumentFile>& files);
  void handle_lease_answer(Now now, const Result<std::string>& answer);  // to the last AskLease
  Instant next_deadline() const;
  void handle_timeout(Now now);
  void drain(Effects& into);  // clears `into`, then swaps it with the core's effects

  // Commands.
  void request(Now now, const RequestOptions& options, Done<RequestView> done);
  void withdraw(Now now, const std::string& grant, Done<void> done);  // the requester revokes it
  void deny(Now now, const std::string& grant, Done<void> done);      // local, for ever
  void lock(Now now, Done<void> done);  // local: no grant is in force until unlock()
  void unlock(Now now, Done<void> done);
  void ping(Now now, const std::string& peer_or_service, Done<PingResult> done);
  // Accepts a wall clock that the clock rule refuses: the present wall time becomes the floor.
  void reset_clock(Now now, Done<void> done);
  // Chooses the text of a root's newest epoch that counts on this node from now on; see forks().
  void choose_fork(Now now, const std::string& text, Done<void> done);

  // Views.
  StatusView status(Now now) const;
  std::vector<ForkView> forks() const;
  CoreCounters counters(Now now) const;
  std::vector<ServiceView> services(Now now) const;
  std::vector<RequestView> requests(Now now) const;
  // The granted service that a laptop reaches by `name`: the service's name or, with TLS, a name
  // below it (decision 10). Nothing for a name that is not granted or does not exist.
  std::optional<ServiceView> resolve(Now now, const std::string& name) const;
  std::vector<std::string> sites() const;  // names of the sites that this node knows
  IpAddress address() const;               // this node's address in the mesh

  // On a laptop, before it connects to a granted service: claims the grant and writes the audit
  // entry. kNotFound for a name that is not granted, whether it exists or not.
  Result<ServiceView> dial(Now now, const std::string& name);
  // The last call: resets each connection at both ends; a site agent tells its devices.
  void stop(Now now);
  // On a site agent, before a flow goes on. On success the audit entry is durable.
  Result<FlowContext> authorize_flow(Now now, const IpAddress& peer, const std::string& fqdn);
  void flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                   std::uint64_t bytes_in, std::uint64_t bytes_out, const std::string& reason);

 private:
  Core(std::unique_ptr<Access> access, const Environment& environment, Now now);
  void settle(Now now);   // after each input
  void update(Now now);   // the rights, and what follows from them
  void collect_events();  // from the parts
  bool is_site() const { return access_->options().role == Role::kSite; }
  // commands.cpp
  void on_site_info(Now now, const RequestOptions& wish, const Done<RequestView>& done,
                    const Result<control::Reply>& reply);
  void set_lock(Now now, bool locked, const Done<void>& done);
  // status.cpp
  ServiceView view_of(Now now, const Right& right) const;
  std::optional<std::string> relay_error() const;

  std::unique_ptr<Access> access_;
  Mesh mesh_;  // asks access_ through the Gate
  RelayChoice relay_choice_;
  CoordinatorLink link_;
  std::vector<Effect> events_;
  bool stopping_ = false;
};

}  // namespace culvert::agent
