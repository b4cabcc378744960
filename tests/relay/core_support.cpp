#include "tests/relay/core_support.hpp"

namespace culvert::relay {

RelayBench::RelayBench(bool open, std::size_t max_connections)
    : core(
          {.key = make_key(), .open = open, .max_connections = max_connections},
          [this](ByteView note, Now) -> Result<derp::TicketFacts> {
            const auto found = tickets.find(text(note));
            if (found == tickets.end()) return fail(ErrorCode::kUnverified, "unknown ticket");
            return found->second;
          },
          rng) {}

std::string RelayBench::ticket(const crypto::RelayKey& client, std::vector<crypto::RelayKey> peers,
                               std::chrono::seconds valid, std::uint64_t rate) {
  auto name = "ticket " + std::to_string(tickets.size());
  tickets[name] = {client, std::move(peers), now.wall + valid, rate};
  return name;
}

TestClient& RelayBench::connect(const derp::RelayKeyPair& key, std::string ticket_text) {
  auto entry = std::make_unique<TestClient>();
  auto& client = *entry;
  client.id = next_id_++;
  client.client = std::make_unique<derp::Client>(
      derp::ClientOptions{core.public_key(), key.clone(), [ticket_text] { return ticket_text; }},
      rng, now);
  clients_[client.id] = std::move(entry);
  core.handle_open(now, client.id);
  settle();
  return client;
}

void RelayBench::send(TestClient& from, const crypto::RelayKey& to, std::string_view packet) {
  REQUIRE(from.client->ready());
  derp::write_frame(from.out.wire, derp::FrameType::kSendPacket, {to.view(), view(packet)});
  settle();
}

void RelayBench::disconnect(TestClient& client) {
  client.open = false;
  core.handle_closed(now, client.id);
  settle();
}

void RelayBench::settle() {
  while (step()) {
  }
}

bool RelayBench::step() {
  bool moved = false;
  for (auto& [id, client] : clients_) {
    if (!client->open || client->out.wire.empty()) continue;
    Bytes wire;
    wire.swap(client->out.wire);
    core.handle_bytes(now, id, wire);
    moved = true;
  }
  Effects effects;
  core.drain(effects);
  for (auto& [id, client] : clients_) {
    Bytes bytes;
    core.pull(now, id, client->blocked ? 0 : 1U << 20U, bytes);
    if (!bytes.empty()) client->client->handle_bytes(now, bytes, client->out);
    moved = moved || !bytes.empty();
  }
  for (auto& close : effects.closes) {
    const auto found = clients_.find(close.id);
    if (found == clients_.end()) continue;
    found->second->client->handle_bytes(now, close.last, found->second->out);
    found->second->open = false;
    found->second->close_reason = close.reason;
  }
  return moved || !effects.closes.empty();
}

void RelayBench::pass(Duration time) {
  const auto end = now.steady + time;
  const auto wall = now.wall;
  const auto begin = now.steady;
  while (true) {
    auto next = std::min(end, core.next_deadline());
    for (auto& [id, client] : clients_) {
      if (client->open) next = std::min(next, client->client->next_deadline());
    }
    now.steady = std::max(now.steady, next);
    now.wall = wall + std::chrono::duration_cast<std::chrono::seconds>(now.steady - begin);
    core.handle_timeout(now);
    for (auto& [id, client] : clients_) {
      if (client->open) client->client->handle_timeout(now, client->out);
    }
    settle();
    if (now.steady >= end) return;
  }
}

ConnectionId RelayBench::raw_open() {
  const auto id = next_id_++;
  core.handle_open(now, id);
  return id;
}

Bytes RelayBench::raw_take(ConnectionId id) {
  Bytes out;
  core.pull(now, id, 1U << 20U, out);
  return out;
}

}  // namespace culvert::relay
