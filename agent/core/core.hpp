// The agent without its sockets: packets, grants, messages and time in, effects out. Pure: the
// shell (or the simulator) hands in bytes and Now, drains Effects after each call, and calls
// handle_timeout at next_deadline. One thread owns it. Composes wireguard::Device, path::Prober,
// derp::Client per relay, control::Client, trust::Evidence and LeaseTracker, audit::Sink.
#pragma once

#include <memory>
#include <span>

#include "agent/core/counters.hpp"
#include "agent/core/documents.hpp"
#include "agent/core/effects.hpp"
#include "agent/core/options.hpp"
#include "agent/core/views.hpp"

namespace culvert::agent {

class Core {
 public:
  // Fails with one clear line when the store rules, the token or the pin forbid to start.
  static Result<std::unique_ptr<Core>> start(Options options, Environment environment, Now now);
  ~Core();

  // Inputs. Spans are read (datagrams: decrypted in place) during the call only.
  struct Datagram {
    Endpoint from;
    MutableByteView bytes;
    std::uint8_t ecn = 0;  // of the outer header
  };
  void handle_datagrams(Now now, std::span<const Datagram> datagrams);
  void handle_mesh(Now now, std::span<const ByteView> packets);  // from this node's own stack
  void handle_local_endpoints(Now now, std::vector<Endpoint> endpoints);  // interface × UDP port
  void handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses);
  void handle_send_error(Now now, const Endpoint& to);
  void handle_control_open(Now now, ConnectionId id);
  void handle_control_message(Now now, ConnectionId id, ByteView message);
  void handle_control_closed(Now now, ConnectionId id, const std::string& reason);
  void handle_relay_open(Now now, ConnectionId id);
  void handle_relay_bytes(Now now, ConnectionId id, ByteView bytes);
  void handle_relay_closed(Now now, ConnectionId id, const std::string& reason);
  // Whole frames, while `out` holds less than `room`: at FlushRelay, and when there is room again.
  void pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out);
  // What stands in the folder of documents (`--documents`), all of it, each time that it changed.
  void learn_documents(Now now, const std::vector<DocumentFile>& files);
  void handle_lease_answer(Now now, const Result<std::string>& answer);  // to the last AskLease
  Instant next_deadline() const;
  void handle_timeout(Now now);
  void drain(Effects& into);  // `into` is cleared first; swaps storage

  // Commands.
  void request(Now now, const RequestOptions& options, Done<RequestView> done);
  void withdraw(Now now, const std::string& grant, Done<void> done);  // by its requester: revokes
  void deny(Now now, const std::string& grant, Done<void> done);  // local, for ever, needs nobody
  void lock(Now now, Done<void> done);                            // local: no grant is in force
  void unlock(Now now, Done<void> done);
  void ping(Now now, const std::string& peer_or_service, Done<PingResult> done);
  // The clock rule's way out: the present wall time becomes the floor.
  void reset_clock(Now now, Done<void> done);
  // The text of a root's newest epoch that counts here from now on; see forks().
  void choose_fork(Now now, const std::string& text, Done<void> done);

  // Views.
  StatusView status(Now now) const;
  std::vector<ForkView> forks() const;
  CoreCounters counters(Now now) const;
  std::vector<ServiceView> services(Now now) const;
  std::vector<RequestView> requests(Now now) const;
  // Where a laptop connects for a granted service, by its name or, where it speaks TLS, by one
  // below it (decision 10); nothing for what is not granted or does not exist.
  std::optional<ServiceView> resolve(Now now, const std::string& name) const;
  std::vector<std::string> sites() const;  // names of the sites that this node knows
  IpAddress address() const;               // of this node in the mesh

  // A laptop, before it connects to a granted service: claims the grant and writes the audit entry.
  // kNotFound for whatever is not granted, existing or not.
  Result<ServiceView> dial(Now now, const std::string& name);
  // The last: each connection is reset at both ends, a site's devices are told, nothing opens.
  void stop(Now now);
  // A site agent, before a flow goes on; the audit entry is durable when it returns a value.
  Result<FlowContext> authorize_flow(Now now, const IpAddress& peer, const std::string& fqdn);
  void flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                   std::uint64_t bytes_in, std::uint64_t bytes_out, const std::string& reason);

 private:
  struct Parts;
  void set_lock(Now now, bool locked, Done<void> done);
  explicit Core(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace culvert::agent
