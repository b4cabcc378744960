// Two probers, a relay and a STUN server on a seeded network in simulated time.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>

#include "proto/path/prober.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::path {

inline Endpoint at(const char* text) { return *parse_endpoint(text); }

// One prober with its keys and the effects of the prober.
struct Node {
  Node(std::uint64_t seed, ProberOptions options);
  PeerInfo info(RelayIndex home) const { return {wireguard, disco_key, relay, home}; }

  SeededRng rng;
  crypto::WireGuardKey wireguard;
  crypto::RelayKey relay;
  crypto::DiscoKey disco_key;
  std::unique_ptr<Prober> prober;
  std::set<Endpoint> sockets;  // the prober sends from the first
  std::vector<PathChanged> changes;
  std::vector<PingAnswer> answers;
  std::uint64_t datagrams = 0;  // sent by the prober
  std::uint64_t relayed = 0;
};

class Network {
 public:
  explicit Network(std::uint64_t seed, ProberOptions options = {});

  Node& a() { return *nodes_[0]; }
  Node& b() { return *nodes_[1]; }
  // The prober sends from the first endpoint.
  void attach(Node& node, const std::vector<Endpoint>& endpoints);
  void run_for(Duration time);
  bool run_until(const std::function<bool()>& done, Duration limit);
  bool direct(Node& from, Node& to);
  // Sends one piece of data as an agent would; `received` counts different pieces that arrived.
  void send_data(Node& from, Node& to, std::size_t size = 9);
  // Delivers bytes as if a third party had sent them.
  void inject(Node& to, const Endpoint& from, Bytes bytes);
  void inject_relayed(Node& to, const RelayWay& way, Bytes bytes);

  Instant now;
  Duration delay = 20ms;
  Duration jitter = 10ms;
  Duration relay_delay = 40ms;
  unsigned loss_percent = 0;  // of datagrams; the relay loses nothing
  unsigned duplicate_percent = 0;
  std::set<Endpoint> blocked;    // datagrams to these are lost
  std::size_t carried = 65'507;  // bytes of a datagram; longer datagrams are lost
  bool mapping_varies = false;   // each destination sees another address (RFC 4787 §4.1)
  bool relay_up = true;
  std::vector<Endpoint> stun_servers;
  std::set<std::uint64_t> received;
  std::uint64_t sent = 0;
  std::vector<std::pair<Endpoint, Bytes>> heard;  // every datagram on the wire: to, bytes
  std::vector<Bytes> relayed_heard;
  RelayIndex relay{1};

 private:
  void pump(Node& node);
  void send_relayed(Node& node, const RelayWay& way, const Bytes& bytes);
  void send_datagram(Node& from, const Endpoint& to, const Bytes& bytes);
  void deliver(const Endpoint& from, const Endpoint& to, const Bytes& bytes);
  void later(Duration in, std::function<void()> action);
  Node* owner(const Endpoint& endpoint);
  Endpoint source(Node& from, const Endpoint& to);
  Instant next_event() const;

  SeededRng rng_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::multimap<Instant, std::function<void()>> events_;
  std::map<std::pair<Endpoint, Endpoint>, Endpoint> mappings_;  // by own address and destination
};

}  // namespace culvert::path
