#include "tests/proto/path/network_support.hpp"

#include "proto/core/overloaded.hpp"
#include "proto/path/stun.hpp"

namespace culvert::path {
namespace {

// The owner's traffic: a mark that is neither STUN nor disco, a number, and padding.
Bytes data(std::uint64_t number, std::size_t size) {
  Bytes out = {0xDA};
  Writer(out).be(number);
  out.resize(std::max(out.size(), size));
  return out;
}

}  // namespace

Node::Node(std::uint64_t seed, ProberOptions options) : rng(seed) {
  rng.fill(wireguard.bytes);
  rng.fill(relay.bytes);
  auto disco = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  disco_key = disco.public_key;
  prober = std::make_unique<Prober>(options, std::move(disco), wireguard, rng);
}

Network::Network(std::uint64_t seed, ProberOptions options) : now{1'000'000'000}, rng_(seed) {
  for (std::uint64_t i = 0; i < 2; ++i) {
    nodes_.push_back(std::make_unique<Node>(seed * 2 + i, options));
  }
  REQUIRE(a().prober->add_peer(now, b().info(relay)));
  REQUIRE(b().prober->add_peer(now, a().info(relay)));
}

void Network::attach(Node& node, const std::vector<Endpoint>& endpoints) {
  node.sockets = {endpoints.begin(), endpoints.end()};
  node.prober->set_local_endpoints(now, endpoints);
  pump(node);
}

void Network::later(Duration in, std::function<void()> action) {
  events_.emplace(now + in, std::move(action));
}

Instant Network::next_event() const {
  auto next = events_.empty() ? Instant::never() : events_.begin()->first;
  for (const auto& node : nodes_) next = std::min(next, node->prober->next_deadline());
  return next;
}

bool Network::run_until(const std::function<bool()>& done, Duration limit) {
  const auto end = now + limit;
  std::size_t steps = 0;
  for (auto next = next_event(); next <= end && !done(); next = next_event()) {
    REQUIRE(++steps < 1'000'000);  // more steps: some deadline never moves on
    now = std::max(now, next);
    for (const auto& node : nodes_) {
      if (node->prober->next_deadline() > now) continue;
      node->prober->handle_timeout(now);
      pump(*node);
    }
    while (!events_.empty() && events_.begin()->first <= now) {
      const auto action = std::move(events_.extract(events_.begin()).mapped());
      action();
    }
  }
  if (!done()) now = std::max(now, end);
  return done();
}

void Network::run_for(Duration time) {
  run_until([] { return false; }, time);
}

bool Network::direct(Node& from, Node& to) {
  return from.prober->status(now, to.wireguard).kind == PathKind::kDirect;
}

Node* Network::owner(const Endpoint& endpoint) {
  for (const auto& node : nodes_) {
    if (node->sockets.contains(endpoint)) return node.get();
  }
  return nullptr;
}

void Network::pump(Node& node) {
  ProberOutput output;
  node.prober->drain(output);
  for (const auto& datagram : output.datagrams) {
    std::visit(overloaded{
                   [&](const UdpWay& way) {
                     ++node.datagrams;
                     send_datagram(node, way.endpoint, datagram.bytes);
                   },
                   [&](const RelayWay& way) { send_relayed(node, way, datagram.bytes); },
                   [](std::monostate) { FAIL("no way"); },
               },
               datagram.way);
  }
  node.changes.insert(node.changes.end(), output.changes.begin(), output.changes.end());
  node.answers.insert(node.answers.end(), output.answers.begin(), output.answers.end());
}

void Network::send_relayed(Node& node, const RelayWay& way, const Bytes& bytes) {
  ++node.relayed;
  relayed_heard.push_back(bytes);
  if (!relay_up || (way.key != a().relay && way.key != b().relay)) return;
  auto& to = way.key == a().relay ? a() : b();
  later(relay_delay, [this, &to, from = RelayWay{node.relay, way.relay}, bytes] {
    inject_relayed(to, from, bytes);
  });
}

Endpoint Network::source(Node& from, const Endpoint& to) {
  const auto own = *from.sockets.begin();
  if (!mapping_varies) return own;
  const auto [mapping, fresh] = mappings_.try_emplace({own, to}, own);
  if (fresh) {
    mapping->second.port = static_cast<std::uint16_t>(10'000 + mappings_.size() % 50'000);
    from.sockets.insert(mapping->second);
  }
  return mapping->second;
}

void Network::send_datagram(Node& from, const Endpoint& to, const Bytes& bytes) {
  heard.emplace_back(to, bytes);
  if (from.sockets.empty() || blocked.contains(to) || bytes.size() > carried) return;
  const auto mapped = source(from, to);
  const int copies = rng_.below(100) < duplicate_percent ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (rng_.below(100) < loss_percent) continue;
    const auto extra =
        static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(jitter.count()) + 1));
    later(delay + Duration{extra}, [this, mapped, to, bytes] { deliver(mapped, to, bytes); });
  }
}

void Network::deliver(const Endpoint& from, const Endpoint& to, const Bytes& bytes) {
  for (const auto& server : stun_servers) {
    if (server != to) continue;
    const auto request = parse_stun_request(bytes);
    REQUIRE(request);
    const auto answer = stun_answer(*request, from);
    later(delay, [this, server, from, answer] { deliver(server, from, answer); });
  }
  if (auto* node = owner(to)) inject(*node, from, bytes);
}

void Network::inject(Node& to, const Endpoint& from, Bytes bytes) {
  if (bytes.size() >= 9 && bytes[0] == 0xDA) {
    received.insert(load_be<std::uint64_t>(bytes.data() + 1));
    return;
  }
  to.prober->handle_datagram(now, {UdpWay{from}, bytes});
  pump(to);
}

void Network::inject_relayed(Node& to, const RelayWay& way, Bytes bytes) {
  to.prober->handle_datagram(now, {way, bytes});
  pump(to);
}

void Network::send_data(Node& from, Node& to, std::size_t size) {
  const auto route = from.prober->route(now, to.wireguard);
  pump(from);
  const auto bytes = data(++sent, size);
  const bool fits = size <= route.size;
  if (route.direct && fits) send_datagram(from, *route.direct, bytes);
  if ((route.relay_too || !fits) && relay_up) {
    later(relay_delay, [this, number = sent] { received.insert(number); });
  }
}

}  // namespace culvert::path
