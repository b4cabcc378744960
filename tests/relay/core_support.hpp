// A relay::Core with derp::Clients, in simulated time. Tickets are texts that the bench knows,
// without signatures. All other parts are the product's.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>

#include "proto/derp/client.hpp"
#include "relay/core/core.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::relay {

struct TestClient {
  ConnectionId id = 0;
  std::unique_ptr<derp::Client> client;
  derp::ClientOutput out;
  bool open = true;
  bool blocked = false;  // true: the transport accepts no bytes
  Error close_reason;    // the relay's reason for closing

  template <class Event>
  std::vector<Event> events() const {
    std::vector<Event> found;
    for (const auto& event : out.events) {
      if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
    }
    return found;
  }
  std::vector<std::string> received() {
    std::vector<std::string> texts;
    for (const auto& r : events<derp::Received>()) texts.emplace_back(text(out.packet(r)));
    return texts;
  }
};

class RelayBench {
 public:
  explicit RelayBench(bool open = false, std::size_t max_connections = 64);

  derp::RelayKeyPair make_key() { return derp::RelayKeyPair::generate(rng); }
  // Makes a ticket and returns its text, which the client sends.
  std::string ticket(const crypto::RelayKey& client, std::vector<crypto::RelayKey> peers,
                     std::chrono::seconds valid = std::chrono::hours(1), std::uint64_t rate = 0);
  // Connects a client and runs until the login has succeeded or failed.
  TestClient& connect(const derp::RelayKeyPair& key, std::string ticket_text);
  void send(TestClient& from, const crypto::RelayKey& to, std::string_view packet);
  void disconnect(TestClient& client);
  void settle();             // moves bytes until nothing is left to move
  void pass(Duration time);  // also runs every deadline in between
  ConnectionId raw_open();   // a connection without a client behind it
  Bytes raw_take(ConnectionId id);

  SeededRng rng{11};
  Now now{{1'000'000'000}, {1'800'000'000}};
  std::map<std::string, derp::TicketFacts, std::less<>> tickets;
  Core core;

 private:
  bool step();

  ConnectionId next_id_ = 1;
  std::map<ConnectionId, std::unique_ptr<TestClient>> clients_;
};

}  // namespace culvert::relay
