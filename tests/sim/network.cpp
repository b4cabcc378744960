#include "tests/sim/network.hpp"

#include <algorithm>
#include <utility>

namespace culvert::sim {
namespace {

constexpr int kConnectTries = 10;  // a second apart
constexpr std::size_t kRecorded = 400;

}  // namespace

void Network::advance_to(Instant at) {
  while (!queue_.empty() && queue_.begin()->first <= at) {
    now_ = std::max(now_, queue_.begin()->first);
    const auto action = std::move(queue_.extract(queue_.begin()).mapped());
    action();
  }
  now_ = std::max(now_, at);
}

HostId Network::add_host(std::string name, const Place& place) {
  hosts_.push_back({std::move(name), place, true, {}, {}});
  return hosts_.size() - 1;
}

void Network::set_up(HostId host, bool up) {
  hosts_[host].up = up;
  if (up) return;
  hosts_[host].listeners.clear();
  std::vector<StreamId> ours;
  for (auto& [id, stream] : streams_) {
    if (stream.ends[0].host == host || stream.ends[1].host == host) ours.push_back(id);
  }
  for (const auto id : ours) close(id, host);
}

bool Network::reaches(HostId a, HostId b) const {
  return hosts_[a].up && hosts_[b].up && !paths_.is_cut(a, b);
}

Duration Network::delay() {
  const auto jitter = static_cast<std::uint64_t>(weather_.jitter.count()) + 1;
  return weather_.least_delay + Duration{static_cast<std::int64_t>(rng_.below(jitter))};
}

std::optional<HostId> Network::owner(RealmId realm, const IpAddress& address) const {
  for (HostId host = 0; host < hosts_.size(); ++host) {
    const auto& place = hosts_[host].place;
    if (place.realm == realm && place.address == address) return host;
  }
  return std::nullopt;
}

// Translates a datagram at one NAT after the other, until a realm knows the destination.
std::optional<Network::Recorded> Network::outwards(HostId from, std::uint16_t source_port,
                                                   const Endpoint& to) {
  const auto& place = hosts_[from].place;
  Recorded out{from, place.realm, {place.address, source_port}, to, {}};
  while (out.realm != kPublic && !owner(out.realm, to.address) &&
         !nats_.behind(out.realm, to.address)) {
    const auto source = nats_.leave(now_, out.realm, out.source, to);
    if (!source) return std::nullopt;
    out.source = *source;
    out.realm = nats_.outside(out.realm);
  }
  return out;
}

void Network::inwards(const Recorded& datagram) {
  auto realm = datagram.realm;
  auto to = datagram.to;
  while (const auto inside = nats_.behind(realm, to.address)) {
    const auto entered = nats_.enter(now_, *inside, datagram.source, to.port);
    if (!entered) return;
    to = *entered;
    realm = *inside;
  }
  const auto host = owner(realm, to.address);
  if (!host || !reaches(datagram.from, *host)) return;
  if (!paths_.passes(datagram.from, *host, datagram.bytes.size())) return;
  if (hosts_[*host].datagram) hosts_[*host].datagram(datagram.source, to, datagram.bytes);
}

void Network::send(HostId from, std::uint16_t source_port, const Endpoint& to, ByteView bytes) {
  auto outside = outwards(from, source_port, to);
  if (!outside) return;
  auto& datagram = *outside;
  datagram.bytes = to_bytes(bytes);
  if (recorded_.size() == kRecorded) recorded_.pop_front();
  recorded_.push_back(datagram);
  const int copies = rng_.below(100) < weather_.duplicate_percent ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (rng_.below(100) < weather_.loss_percent) continue;
    auto copy = datagram;
    if (!copy.bytes.empty() && rng_.below(100) < weather_.corrupt_percent) {
      copy.bytes[rng_.below(copy.bytes.size())] ^= static_cast<std::uint8_t>(1U << rng_.below(8));
    }
    carry(std::move(copy));
  }
}

void Network::carry(Recorded datagram) {
  after(delay(), [this, d = std::move(datagram)] { inwards(d); });
}

void Network::replay(std::size_t count) {
  for (std::size_t i = 0; i < count && !recorded_.empty(); ++i) {
    carry(recorded_[rng_.below(recorded_.size())]);
  }
}

// --- streams ---

void Network::listen(HostId host, std::uint16_t port, Framing framing, OnAccept accept) {
  hosts_[host].listeners[port] = {framing, std::move(accept)};
}

StreamId Network::connect(HostId from, const Endpoint& to, StreamEvents events) {
  const auto id = ++last_stream_;
  auto& stream = streams_[id];
  stream.ends[0].host = from;
  stream.ends[0].events = std::move(events);
  stream.ends[0].open = true;
  after(delay(), [this, id, to] { accept(id, to, kConnectTries); });
  return id;
}

void Network::accept(StreamId id, const Endpoint& to, int tries) {
  auto* stream = find(id);
  if (stream == nullptr || !stream->ends[0].open) return forget_if_done(id);
  const auto from = stream->ends[0].host;
  const auto host = owner(kPublic, to.address);
  if (!host || paths_.is_cut(from, *host)) {
    if (tries == 0) return break_end(id, 0, "timed out");
    return after(1s, [this, id, to, tries] { accept(id, to, tries - 1); });
  }
  const auto listener = hosts_[*host].listeners.find(to.port);
  if (listener == hosts_[*host].listeners.end()) {
    return after(delay(), [this, id] { break_end(id, 0, "refused"); });
  }
  stream->framing = listener->second.framing;
  stream->ends[1].host = *host;
  stream->ends[1].open = true;
  stream->ends[0].last_arrival = now_ + delay();
  // The other end sees the open stream before any byte from this end arrives.
  queue_.emplace(stream->ends[0].last_arrival, [this, id] {
    auto* opened = find(id);
    if (opened == nullptr || !opened->ends[0].open || !opened->ends[0].events.opened) return;
    const auto handler = opened->ends[0].events.opened;
    handler();
  });
  auto events = listener->second.accept(id, from);
  if (auto* again = find(id); again != nullptr && again->ends[1].open) {
    again->ends[1].events = std::move(events);
  }
}

Stream* Network::find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

void Network::write(StreamId id, HostId side, ByteView bytes) {
  auto* stream = find(id);
  if (stream == nullptr || bytes.empty()) return;
  const int from = stream->ends[0].host == side ? 0 : 1;
  auto& to = stream->ends[1 - from];
  if (!stream->ends[from].open || !to.open) return;
  auto wait = delay();
  while (rng_.below(100) < weather_.loss_percent) wait += kRetransmit;
  to.coming.push_back(to_bytes(bytes));
  to.last_arrival = std::max(to.last_arrival, now_ + wait);
  queue_.emplace(to.last_arrival, [this, id, end = 1 - from] { arrive(id, end); });
}

void Network::close(StreamId id, HostId side) {
  auto* stream = find(id);
  if (stream == nullptr) return;
  const int ours = stream->ends[0].host == side ? 0 : 1;
  auto& end = stream->ends[ours];
  auto& other = stream->ends[1 - ours];
  end.open = false;
  end.events = {};
  end.coming.clear();
  if (other.open && !other.closing) {
    other.closing = true;
    other.last_arrival = std::max(other.last_arrival, now_ + delay());
    queue_.emplace(other.last_arrival, [this, id, at = 1 - ours] { arrive(id, at); });
  }
  forget_if_done(id);
}

// The next write, or the end of the stream, arrives at one end, unless a cut holds it back.
void Network::arrive(StreamId id, int at) {
  auto* stream = find(id);
  if (stream == nullptr || !stream->ends[at].open) return forget_if_done(id);
  auto& end = stream->ends[at];
  const auto cut = paths_.is_cut(stream->ends[0].host, stream->ends[1].host);
  if (cut) {
    if (!stream->held_since) stream->held_since = now_;
    if (now_ - *stream->held_since >= kStreamDead) {
      break_end(id, 1 - at, "connection timed out");
      return break_end(id, at, "connection timed out");
    }
    end.last_arrival = std::max(end.last_arrival, now_ + kRetransmit);
    queue_.emplace(now_ + kRetransmit, [this, id, at] { arrive(id, at); });
    return;
  }
  stream->held_since.reset();
  if (end.coming.empty()) {
    if (end.closing) break_end(id, at, "closed by the other side");
    return;
  }
  const auto bytes = std::move(end.coming.front());
  end.coming.pop_front();
  if (stream->framing == Framing::kMessages || bytes.size() < 2 || rng_.below(2) == 0) {
    return deliver(id, at, bytes);
  }
  const auto split = static_cast<std::ptrdiff_t>(1 + rng_.below(bytes.size() - 1));
  deliver(id, at, Bytes(bytes.begin(), bytes.begin() + split));
  deliver(id, at, Bytes(bytes.begin() + split, bytes.end()));
}

void Network::deliver(StreamId id, int at, const Bytes& bytes) {
  const auto* stream = find(id);
  if (stream == nullptr || !stream->ends[at].open || !stream->ends[at].events.data) return;
  const auto handler = stream->ends[at].events.data;
  handler(bytes);
}

void Network::break_end(StreamId id, int at, const std::string& why) {
  auto* stream = find(id);
  if (stream == nullptr || !stream->ends[at].open) return;
  auto& end = stream->ends[at];
  end.open = false;
  end.coming.clear();
  const auto handler = std::exchange(end.events, {}).closed;
  if (handler) handler(why);
  forget_if_done(id);
}

void Network::forget_if_done(StreamId id) {
  const auto* stream = find(id);
  if (stream != nullptr && !stream->ends[0].open && !stream->ends[1].open) streams_.erase(id);
}

}  // namespace culvert::sim
