// The network of the simulator: one queue of events in simulated time, datagrams and streams
// between hosts, and faults of datagrams and streams. All random choices come from one Rng.
//
// Datagrams are lost (some only because of their length), delayed, reordered, duplicated,
// corrupted, and recorded and replayed. Datagrams pass the NATs between their hosts (nat.hpp) or
// are dropped there. Streams are ordered and reliable, as TCP is, and reach public listeners only.
// Loss delays a stream. A cut between the hosts of a stream holds the stream's bytes back and,
// after kStreamDead, breaks the stream at both ends. A message stream keeps boundaries (WebSocket),
// a byte stream does not.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "tests/sim/nat.hpp"

namespace culvert::sim {

using HostId = std::size_t;
using StreamId = std::uint64_t;

inline constexpr Duration kStreamDead = 15s;  // TCP_USER_TIMEOUT
inline constexpr Duration kRetransmit = 200ms;
inline constexpr std::size_t kNoHole = 65'507;

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

enum class Framing { kMessages, kBytes };

// One end of a stream. No function is called after close() or after `closed`.
struct StreamEvents {
  std::function<void()> opened;  // only at the end that opened the stream
  std::function<void(ByteView)> data;
  std::function<void(const std::string& why)> closed;
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
  void set_up(HostId host, bool up);               // a host that goes down loses its streams
  void set_cut(HostId a, HostId b, bool cut);      // nothing passes between both hosts
  void set_udp_cut(HostId a, HostId b, bool cut);  // datagrams only
  // Drops longer datagrams between both hosts, until the next call.
  void set_hole(HostId a, HostId b, std::size_t carried);
  std::size_t carried(HostId a, HostId b) const;  // bytes; kNoHole: all
  bool has_hole(HostId host) const;               // whether a path from or to the host has a hole
  void heal();
  bool reaches(HostId a, HostId b) const;
  void set_weather(const Weather& weather) { weather_ = weather; }

  // --- datagrams: delivered to the host with the address; the host checks the port ---
  using OnDatagram = std::function<void(const Endpoint& from, const Endpoint& to, Bytes bytes)>;
  void on_datagram(HostId host, OnDatagram handler) { hosts_[host].datagram = std::move(handler); }
  void send(HostId from, std::uint16_t source_port, const Endpoint& to, ByteView bytes);
  void replay(std::size_t count);  // replays `count` of the last datagrams

  // --- streams ---
  using OnAccept = std::function<StreamEvents(StreamId, HostId from)>;
  void listen(HostId host, std::uint16_t port, Framing framing, OnAccept accept);
  StreamId connect(HostId from, const Endpoint& to, StreamEvents events);
  // `side`: the caller's host, since the two ends of a stream have one id.
  void write(StreamId id, HostId side, ByteView bytes);
  void close(StreamId id, HostId side);

 private:
  struct Listener {
    Framing framing = Framing::kMessages;
    OnAccept accept;
  };
  struct Host {
    std::string name;
    Place place;
    bool up = true;
    OnDatagram datagram;
    std::map<std::uint16_t, Listener> listeners;
  };
  struct End {
    HostId host = 0;
    StreamEvents events;
    bool open = false;
    std::deque<Bytes> coming;  // bytes on their way to this end
    Instant last_arrival;
    bool closing = false;  // the other end has closed; `closed` is called after `coming`
  };
  struct Stream {
    Framing framing = Framing::kMessages;
    End ends[2];
    std::optional<Instant> held_since;  // since when a cut holds bytes back
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
  std::set<std::pair<HostId, HostId>> cuts_;
  std::set<std::pair<HostId, HostId>> udp_cuts_;
  std::map<std::pair<HostId, HostId>, std::size_t> holes_;
  Weather weather_;
  std::deque<Recorded> recorded_;  // the last kRecorded datagrams
  std::map<StreamId, Stream> streams_;
  StreamId last_stream_ = 0;
};

}  // namespace culvert::sim
