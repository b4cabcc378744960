#include "proto/wireguard/allowed_ips.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/wireguard/peer.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

// The table never reads a peer, so any bytes may stand for peers.
struct Peers {
  std::array<char, 8> storage{};
  LanePeer* operator[](std::size_t i) { return reinterpret_cast<LanePeer*>(&storage.at(i)); }
};

Prefix prefix(std::string_view text) { return *parse_prefix(text); }
IpAddress address(std::string_view text) { return *parse_address(text); }

}  // namespace

TEST_CASE("allowed-ips: the longest prefix wins, families are apart") {
  Peers peers;
  AllowedIps table;
  table.insert(prefix("0.0.0.0/0"), peers[0]);
  table.insert(prefix("10.0.0.0/8"), peers[1]);
  table.insert(prefix("10.1.2.3"), peers[2]);
  table.insert(prefix("fd00::/16"), peers[3]);
  table.insert(prefix("fd00:1::/32"), peers[4]);
  CHECK(table.lookup(address("10.1.2.3")) == peers[2]);
  CHECK(table.lookup(address("10.1.2.4")) == peers[1]);
  CHECK(table.lookup(address("11.1.2.4")) == peers[0]);
  CHECK(table.lookup(address("fd00:1::9")) == peers[4]);
  CHECK(table.lookup(address("fd00:2::9")) == peers[3]);
  CHECK(table.lookup(address("fe80::1")) == nullptr);

  table.insert(prefix("::/0"), peers[5]);
  CHECK(table.lookup(address("fe80::1")) == peers[5]);
  CHECK(table.lookup(address("11.1.2.4")) == peers[0]);

  table.insert(prefix("10.1.2.3"), peers[6]);  // the latest claim
  CHECK(table.lookup(address("10.1.2.3")) == peers[6]);
  CHECK(table.prefixes(peers[2]).empty());
  table.remove_all(peers[6]);
  CHECK(table.lookup(address("10.1.2.3")) == peers[1]);
  CHECK(table.prefixes(peers[1]).at(peers[1]) == std::vector<Prefix>{prefix("10.0.0.0/8")});
  CHECK(table.prefixes().size() == 5);
}

TEST_CASE("prefixes: one spelling, host bits cut") {
  CHECK(format(prefix("10.9.8.7/8")) == "10.0.0.0/8");
  CHECK(format(prefix("fd00::1/64")) == "fd00::/64");
  CHECK(format(prefix("fd00::1")) == "fd00::1/128");
  CHECK(format(prefix("192.0.2.1")) == "192.0.2.1/32");
  CHECK(prefix("10.0.0.0/8").contains(address("10.255.0.1")));
  CHECK_FALSE(prefix("::/0").contains(address("10.255.0.1")));
  for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8",
                          "10.0.0.0/8 ", "fd00::/129", "fd00::/-1", "fd00::/1/2"}) {
    CHECK_FALSE(parse_prefix(bad));
  }
}

TEST_CASE("allowed-ips: as a linear search would say") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    Peers peers;
    AllowedIps table;
    std::vector<std::pair<Prefix, LanePeer*>> all;
    // Few different bytes, so that prefixes are nested and addresses match.
    const auto random_address = [&rng] {
      const auto byte = [&rng] { return static_cast<std::uint8_t>(rng.below(3) * 127); };
      if (rng.below(2) == 0) return IpAddress::v4(byte(), byte(), byte(), byte());
      IpAddress out;
      for (auto& each : out.bytes) each = byte();
      out.bytes[0] = 0xFD;
      return out;
    };
    bool right = true;
    for (int step = 0; step < 200; ++step) {
      LanePeer* peer = peers[rng.below(8)];
      if (rng.below(30) == 0) {
        table.remove_all(peer);
        std::erase_if(all, [peer](const auto& entry) { return entry.second == peer; });
      } else {
        const auto host = random_address();
        const auto added =
            *Prefix::of(host, static_cast<unsigned>(rng.below(host.is_v4() ? 33 : 129)));
        table.insert(added, peer);
        std::erase_if(all, [&added](const auto& entry) { return entry.first == added; });
        all.emplace_back(added, peer);
      }
      for (int i = 0; i < 10; ++i) {
        const auto wanted = random_address();
        LanePeer* expected = nullptr;
        int longest = -1;
        for (const auto& [each, owner] : all) {
          if (each.contains(wanted) && each.length > longest) {
            longest = each.length;
            expected = owner;
          }
        }
        right = right && table.lookup(wanted) == expected;
      }
    }
    CHECK(right);
  }
}
