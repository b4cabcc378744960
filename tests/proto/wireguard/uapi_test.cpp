#include "proto/wireguard/uapi.hpp"

#include <catch2/catch.hpp>

#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;
using uapi::Errno;

namespace {

const std::string kKey(64, 'a');
const std::string kOther = "B" + std::string(63, '1');

std::vector<uapi::Request> read_all(uapi::RequestReader& reader, ByteView bytes) {
  std::vector<uapi::Request> out;
  while (!bytes.empty()) {
    if (auto request = reader.read(bytes)) out.push_back(std::move(*request));
  }
  return out;
}

uapi::Request read_one(const std::string& bytes) {
  uapi::RequestReader reader;
  auto all = read_all(reader, view(bytes));
  REQUIRE(all.size() == 1);
  return std::move(all.front());
}

uapi::SetRequest set_of(const std::string& lines) {
  auto request = read_one("set=1\n" + lines + "\n");
  auto* set = std::get_if<uapi::SetRequest>(&request);
  REQUIRE(set != nullptr);
  return std::move(*set);
}

Errno error_of(const std::string& lines) {
  const auto request = read_one("set=1\n" + lines + "\n");
  if (const auto* refused = std::get_if<uapi::Refused>(&request)) return refused->error;
  return Errno::kNone;
}

std::string peer(const std::string& lines, const std::string& key = kKey) {
  return "public_key=" + key + "\n" + lines;
}

Errno apply_to(Host& host, const std::string& lines) {
  auto set = set_of(lines);
  return uapi::apply_peers(at(0s), host.device, set);
}

crypto::WireGuardKey key_of(const std::string& hex) {
  return *crypto::WireGuardKey::from(*from_hex(hex));
}

std::string get_of(const Host& host, const uapi::InterfaceView& interface = {}) {
  return std::string(text(uapi::render_get(host.device, interface)));
}

}  // namespace

TEST_CASE("uapi: every key of a set request") {
  const auto set = set_of("private_key=" + kKey + "\nlisten_port=51820\nfwmark=4294967295\n" +
                          "replace_peers=true\n" +
                          peer("preshared_key=" + kOther +
                               "\nendpoint=[fd00::1]:4500\npersistent_keepalive_interval=25\n"
                               "replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\n"
                               "allowed_ip=fd00::/48\nallowed_ip=-10.1.0.0/16\n"
                               "protocol_version=1\nupdate_only=true\n") +
                          peer("remove=true\n", kOther));
  CHECK(set.private_key->reveal()[31] == 0xAA);
  CHECK(set.listen_port == 51820);
  CHECK(set.fwmark == 4294967295);
  CHECK(set.replace_peers);
  REQUIRE(set.peers.size() == 2);
  const auto& first = set.peers[0];
  CHECK(first.public_key == key_of(kKey));
  CHECK(first.preshared_key->reveal()[0] == 0xB1);  // upper or lower case
  CHECK(first.endpoint == parse_endpoint("[fd00::1]:4500"));
  CHECK(first.persistent_keepalive == 25s);
  CHECK(first.replace_allowed_ips);
  CHECK(first.update_only);
  CHECK_FALSE(first.remove);
  REQUIRE(first.allowed_ips.size() == 3);
  CHECK(first.allowed_ips[1].prefix == parse_prefix("fd00::/48"));
  CHECK_FALSE(first.allowed_ips[1].remove);
  CHECK(first.allowed_ips[2].prefix == parse_prefix("10.1.0.0/16"));
  CHECK(first.allowed_ips[2].remove);
  CHECK(set.peers[1].remove);
  const auto bare = set_of("");
  CHECK_FALSE(bare.private_key);
  CHECK_FALSE(bare.listen_port);
  CHECK_FALSE(bare.fwmark);
  CHECK(bare.peers.empty());
}

TEST_CASE("uapi: what is malformed has wireguard-go's errno") {
  struct Row {
    std::string lines;
    Errno error;
  };
  const std::string flags[] = {"remove", "update_only", "replace_allowed_ips"};
  std::vector<Row> rows = {
      {"listen_port=1\n", Errno::kNone},
      {"listen_port=1\r\n", Errno::kNone},
      {"listen_port\n", Errno::kProtocol},
      {"listen_port=1=2\n", Errno::kInvalid},
      {"listen_port=65536\n", Errno::kInvalid},
      {"listen_port=-1\n", Errno::kInvalid},
      {"listen_port=\n", Errno::kInvalid},
      {"listen_port=1 \n", Errno::kInvalid},
      {" listen_port=1\n", Errno::kInvalid},
      {"fwmark=4294967296\n", Errno::kInvalid},
      {"fwmark=0x1\n", Errno::kInvalid},
      {"replace_peers=false\n", Errno::kInvalid},
      {"private_key=" + kKey.substr(1) + "\n", Errno::kInvalid},
      {"private_key=" + kKey + "a\n", Errno::kInvalid},
      {"private_key=" + kKey.substr(1) + "g\n", Errno::kInvalid},
      {"get=1\n", Errno::kInvalid},
      {"=1\n", Errno::kInvalid},
      {"endpoint=10.0.0.1:1\n", Errno::kInvalid},  // no peer yet
      {"public_key=\n", Errno::kInvalid},
      {"public_key=" + kKey.substr(2) + "\n", Errno::kInvalid},
      {peer("listen_port=1\n"), Errno::kInvalid},  // after public_key only keys of a peer
      {peer("preshared_key=00\n"), Errno::kInvalid},
      {peer("endpoint=10.0.0.1\n"), Errno::kInvalid},
      {peer("endpoint=example.com:1\n"), Errno::kInvalid},
      {peer("endpoint=fd00::1:1\n"), Errno::kInvalid},
      {peer("endpoint=10.0.0.1:65536\n"), Errno::kInvalid},
      {peer("persistent_keepalive_interval=65536\n"), Errno::kInvalid},
      {peer("persistent_keepalive_interval=off\n"), Errno::kInvalid},
      {peer("allowed_ip=10.0.0.1\n"), Errno::kInvalid},
      {peer("allowed_ip=10.0.0.1/33\n"), Errno::kInvalid},
      {peer("allowed_ip=fd00::/129\n"), Errno::kInvalid},
      {peer("allowed_ip=--10.0.0.0/8\n"), Errno::kInvalid},
      {peer("protocol_version=2\n"), Errno::kInvalid},
      {peer("last_handshake_time_sec=1\n"), Errno::kInvalid},
      {peer("allowed_ip=" + std::string(400, '1') + "\n"), Errno::kInvalid},
      {std::string(uapi::RequestReader::kMaxLine + 1, '=') + "\n", Errno::kInvalid},
      {std::string("listen_port=1\0\n", 15), Errno::kInvalid},
  };
  for (const auto& flag : flags) {
    rows.push_back({peer(flag + "=true\n"), Errno::kNone});
    rows.push_back({peer(flag + "=1\n"), Errno::kInvalid});
  }
  for (const auto& row : rows) {
    INFO(row.lines);
    CHECK(error_of(row.lines) == row.error);
  }
}

TEST_CASE("uapi: requests come in any pieces, one after the other") {
  const std::string bytes =
      "set=1\nlisten_port=7\n\nget=1\n\nset=1\nnonsense\nlisten_port=8\n\nget=1\n\n";
  for (std::size_t piece = 1; piece < bytes.size(); ++piece) {
    uapi::RequestReader reader;
    std::vector<uapi::Request> all;
    for (std::size_t from = 0; from < bytes.size(); from += piece) {
      for (auto& each : read_all(reader, view(bytes.substr(from, piece)))) {
        all.push_back(std::move(each));
      }
    }
    REQUIRE(all.size() == 4);
    CHECK(std::get<uapi::SetRequest>(all[0]).listen_port == 7);
    CHECK(std::holds_alternative<uapi::GetRequest>(all[1]));
    CHECK(std::get<uapi::Refused>(all[2]).error == Errno::kProtocol);
    CHECK(std::holds_alternative<uapi::GetRequest>(all[3]));
  }
}

TEST_CASE("uapi: what is no request") {
  for (const std::string bytes : {"\n", "set=2\n", "get=1 \n", "get=1\r\n", "GET / HTTP/1.1\n"}) {
    INFO(bytes);
    CHECK(std::holds_alternative<uapi::HangUp>(read_one(bytes)));
  }
  CHECK(std::get<uapi::Refused>(read_one("get=1\nprivate_key\n")).error == Errno::kInvalid);
  uapi::RequestReader unfinished;
  CHECK(read_all(unfinished, view("set=1\nlisten_port=1\n")).empty());
}

TEST_CASE("uapi: a request has a greatest size, and the next is as good as ever") {
  uapi::RequestReader reader;
  const std::string line = peer("");
  std::string bytes = "set=1\n";
  bytes.reserve(uapi::RequestReader::kMaxRequest + 2 * line.size());
  while (bytes.size() <= uapi::RequestReader::kMaxRequest + line.size()) bytes += line;
  bytes += "\nget=1\n\n";
  const auto all = read_all(reader, view(bytes));
  REQUIRE(all.size() == 2);
  CHECK(std::get<uapi::Refused>(all[0]).error == Errno::kTooLong);
  CHECK(std::holds_alternative<uapi::GetRequest>(all[1]));
}

TEST_CASE("uapi: peers are made, changed and removed") {
  Host host(1);
  CHECK(apply_to(host, peer("endpoint=192.0.2.1:1\nallowed_ip=10.0.0.0/8\nallowed_ip=10.1.0.0/16\n"
                            "persistent_keepalive_interval=25\npreshared_key=" +
                            kOther + "\n")) == Errno::kNone);
  auto info = host.device.peer(key_of(kKey));
  REQUIRE(info);
  CHECK(info->endpoint == parse_endpoint("192.0.2.1:1"));
  CHECK(info->allowed_ips.size() == 2);
  CHECK(info->persistent_keepalive == 25s);
  CHECK(info->has_preshared_key);

  CHECK(apply_to(host, peer("allowed_ip=10.2.0.0/16\nallowed_ip=-10.0.0.0/8\n"
                            "preshared_key=" +
                            std::string(64, '0') + "\n")) == Errno::kNone);
  info = host.device.peer(key_of(kKey));
  CHECK(info->allowed_ips ==
        std::vector<Prefix>{*parse_prefix("10.1.0.0/16"), *parse_prefix("10.2.0.0/16")});
  CHECK_FALSE(info->has_preshared_key);
  CHECK(info->persistent_keepalive == 25s);  // not in the request: unchanged

  CHECK(apply_to(host, peer("replace_allowed_ips=true\nallowed_ip=fd00::5/64\n")) == Errno::kNone);
  CHECK(host.device.peer(key_of(kKey))->allowed_ips ==
        std::vector<Prefix>{*parse_prefix("fd00::/64")});

  SECTION("update_only makes none, and changes one that is there") {
    CHECK(apply_to(host, peer("update_only=true\n", kOther) +
                             peer("update_only=true\npersistent_keepalive_interval=0\n")) ==
          Errno::kNone);
    CHECK(host.device.peers().size() == 1);
    CHECK(host.device.peer(key_of(kKey))->persistent_keepalive == 0s);
  }
  SECTION("remove; of an unknown one, nothing") {
    CHECK(apply_to(host, peer("remove=true\n", kOther) + peer("remove=true\n")) == Errno::kNone);
    CHECK(host.device.peers().size() == 0);
  }
  SECTION("replace_peers") {
    CHECK(apply_to(host, "replace_peers=true\n" + peer("", kOther)) == Errno::kNone);
    REQUIRE(host.device.peers().size() == 1);
    CHECK(host.device.has_peer(key_of("b" + kOther.substr(1))));
  }
  SECTION("a peer twice: the second changes the first") {
    CHECK(apply_to(host, peer("allowed_ip=10.7.0.0/16\n", kOther) +
                             peer("remove=true\n", kOther)) == Errno::kNone);
    CHECK(host.device.peers().size() == 1);
  }
  SECTION("ourselves are left out, a key that is no point is refused") {
    CHECK(apply_to(host, peer("", host.device.public_key().hex())) == Errno::kNone);
    CHECK(host.device.peers().size() == 1);
    CHECK(apply_to(host, peer("", std::string(64, '0'))) == Errno::kInvalid);
  }
}

TEST_CASE("uapi: a get request says everything") {
  Host host(1);
  CHECK(get_of(host) == "errno=0\n\n");
  const crypto::Secret32 secret(Bytes(32, 0x5A));
  REQUIRE(apply_to(host, peer("endpoint=[fd00::1]:9\nallowed_ip=10.1.2.3/8\nallowed_ip=::/0\n"
                              "persistent_keepalive_interval=65535\npreshared_key=" +
                              kOther + "\n")) == Errno::kNone);
  std::string key;
  for (int i = 0; i < 32; ++i) key += "5a";
  CHECK(get_of(host, {&secret, 51820, 7}) ==
        "private_key=" + key + "\nlisten_port=51820\nfwmark=7\npublic_key=" + kKey +
            "\npreshared_key=b" + kOther.substr(1) +
            "\nprotocol_version=1\nendpoint=[fd00::1]:9\nlast_handshake_time_sec=0\n"
            "last_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"
            "persistent_keepalive_interval=65535\nallowed_ip=::/0\nallowed_ip=10.0.0.0/8\n"
            "errno=0\n\n");
  CHECK(text(uapi::render_errno(Errno::kPortInUse)) == "errno=-98\n\n");
}

TEST_CASE("uapi: what get says after a session, set understands") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto said = get_of(a);
  CHECK(said.find("last_handshake_time_sec=" + std::to_string(at(0s).wall.seconds)) !=
        std::string::npos);
  CHECK(said.find("tx_bytes=0") == std::string::npos);
  CHECK(said.find("rx_bytes=0") == std::string::npos);
}

TEST_CASE("device: another identity ends the sessions, and the next packet makes a new one") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto sessions = b.device.counters().sessions;
  const auto old = b.device.public_key();
  SeededRng rng(77);
  b.device.set_identity(Identity::generate(rng));
  CHECK(b.device.public_key() != old);
  b.inbox.clear();
  exchange(at(10s), a, b, a.send(at(10s), a.packet_to(b, view("lost"))));
  CHECK(b.inbox.empty());

  a.device.remove_peer(old);
  REQUIRE(a.device.add_peer(at(11s), b.as_peer()));
  exchange(at(11s), a, b, a.send(at(11s), a.packet_to(b, view("hello"))));
  CHECK(b.inbox.size() == 1);
  CHECK(b.device.counters().sessions == sessions + 1);
}

TEST_CASE("device: an identity that a peer has makes that peer go") {
  Host a(1);
  SeededRng rng(5);
  auto identity = Identity::generate(rng);
  PeerConfig config;
  config.public_key = identity.public_key;
  REQUIRE(a.device.add_peer(at(0s), std::move(config)));
  a.device.set_identity(std::move(identity));
  CHECK(a.device.peers().size() == 0);
}

TEST_CASE("device: the same identity anew sends a persistent keepalive at once") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  a.device.set_persistent_keepalive(at(1s), b.device.public_key(), 25s);
  CHECK(a.timeout(at(1s)).size() == 1);
  CHECK(a.timeout(at(2s)).empty());
  SeededRng rng(0);
  auto identity = Identity::generate(rng);
  a.device.set_identity(std::move(identity));
  const auto sent = a.timeout(at(3s));
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes.size() == kInitiationSize);
}

TEST_CASE("allowed-ips: one prefix goes, and only from the peer that has it") {
  Host a(1);
  REQUIRE(apply_to(a, peer("allowed_ip=10.0.0.0/8\n") + peer("allowed_ip=fd00::/8\n", kOther)) ==
          Errno::kNone);
  CHECK(a.device.remove_allowed_ip(key_of("b" + kOther.substr(1)), *parse_prefix("10.0.0.0/8")));
  CHECK(a.device.peer(key_of(kKey))->allowed_ips.size() == 1);
  CHECK(a.device.add_allowed_ip(key_of("b" + kOther.substr(1)), *parse_prefix("10.0.0.0/8")));
  // The address belongs to the latest claim.
  CHECK(a.device.peer(key_of(kKey))->allowed_ips.empty());
  CHECK_FALSE(a.device.add_allowed_ip(key_of(std::string(64, 'c')), *parse_prefix("10.0.0.0/8")));
}
