// The network of the simulator: one queue of events in simulated time, datagrams and streams
// between hosts, and faults of datagrams and streams. All random choices come from one Rng.
//
// Datagrams are lost (some only because of their length), delayed, reordered, duplicated,
// corrupted, and recorded and replayed. Datagrams pass the NATs between their hosts (nat.hpp) or
// are dropped there. stream.hpp has the streams, and paths.hpp the cuts between hosts.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "tests/sim/nat.hpp"
#include "tests/sim/paths.hpp"
#include "tests/sim/stream.hpp"

namespace culvert::sim {

struct Weather {
  Duration least_delay = 5ms;
  Duration jitter = 10ms;
  unsigned loss_percent = 0;
  unsigned duplicate_percent = 0;
  unsigned corrupt_percent = 0;  // of datagrams: one bit is flipped
};

// A host's place: a realm and an address in the realm.
struct Place {
  RealmId realm = kPublic;
  IpAddress address;
};

class Network {
 public:
  explicit Network(Rng& rng) : rng_(rng), nats_(rng) {}

  // --- time ---
  Instant now() const { return now_; }
  void after(Duration in, std::function<void()> action) {
    queue_.emplace(now_ + in, std::move(action));
  }
  Instant next() const { return queue_.empty() ? Instant::never() : queue_.begin()->first; }
  void advance_to(Instant at);  // runs all events until `at`, in order

  // --- hosts and faults ---
  HostId add_host(std::string name, const Place& place);
  const std::string& name(HostId host) const { return hosts_[host].name; }
  const Place& place(HostId host) const { return hosts_[host].place; }
  void set_place(HostId host, const Place& place) { hosts_[host].place = place; }
  Nats& nats() { return nats_; }
  Paths& paths() { return paths_; }
  const Paths& paths() const { return paths_; }
  void set_up(HostId host, bool up);       // a host that goes down loses its streams
  bool reaches(HostId a, HostId b) const;  // both hosts are up, and no cut is between the hosts
  void set_weather(const Weather& weather) { weather_ = weather; }

  // --- datagrams: delivered to the host with the address; the host checks the port ---
  using OnDatagram = std::function<void(const Endpoint& from, const Endpoint& to, Bytes bytes)>;
  void on_datagram(HostId host, OnDatagram handler) { hosts_[host].datagram = std::move(handler); }
  void send(HostId from, std::uint16_t source_port, const Endpoint& to, ByteView bytes);
  void replay(std::size_t count);  // replays `count` of the last datagrams

  // --- streams ---
  void listen(HostId host, std::uint16_t port, Framing framing, OnAccept accept);
  StreamId connect(HostId from, const Endpoint& to, StreamEvents events);
  // `side`: the caller's host, since the two ends of a stream have one id.
  void write(StreamId id, HostId side, ByteView bytes);
  void close(StreamId id, HostId side);

 private:
  struct Host {
    std::string name;
    Place place;
    bool up = true;
    OnDatagram datagram;
    std::map<std::uint16_t, Listener> listeners;
  };
  struct Recorded {  // a datagram on its way inwards, with its source as seen outside
    HostId from = 0;
    RealmId realm = kPublic;
    Endpoint source;
    Endpoint to;
    Bytes bytes;
  };

  Duration delay();
  std::optional<Recorded> outwards(HostId from, std::uint16_t source_port, const Endpoint& to);
  void inwards(const Recorded& datagram);
  void carry(Recorded datagram);
  std::optional<HostId> owner(RealmId realm, const IpAddress& address) const;
  Stream* find(StreamId id);
  void accept(StreamId id, const Endpoint& to, int tries);
  void arrive(StreamId id, int end);
  void deliver(StreamId id, int end, const Bytes& bytes);
  void break_end(StreamId id, int end, const std::string& why);
  void forget_if_done(StreamId id);

  Rng& rng_;
  Nats nats_;
  Instant now_{3600'000'000'000};
  std::multimap<Instant, std::function<void()>> queue_;
  std::vector<Host> hosts_;
  Paths paths_;
  Weather weather_;
  std::deque<Recorded> recorded_;  // the last kRecorded datagrams
  std::map<StreamId, Stream> streams_;
  StreamId last_stream_ = 0;
};

}  // namespace culvert::sim
