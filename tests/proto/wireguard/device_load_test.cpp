// A device under load: cookies, and the limit for each source.
#include <catch2/catch.hpp>

#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

// Initiations with a right mac1 only, from many forged addresses.
void flood(Host& target, Now now, int messages) {
  CookieJar anybody(target.device.public_key());
  for (int i = 0; i < messages; ++i) {
    Bytes datagram(kInitiationSize);
    Initiation initiation;
    initiation.sender = SessionIndex(static_cast<std::uint32_t>(i));
    encode(initiation, datagram);
    anybody.add_macs(now.steady, datagram);
    const auto low = static_cast<std::uint8_t>(i);
    target.receive(now, {IpAddress::v4(203, 0, 113, low), 1}, std::move(datagram));
  }
}

}  // namespace

TEST_CASE("under load a handshake takes a cookie and one more attempt") {
  Host a(1);
  Host b(2, {.handshakes_per_second = 10});
  introduce(at(0s), a, b);
  flood(b, at(0s), 300);
  CHECK(b.device.counters().initiation_forged == HandshakeLoad::kBurst);
  CHECK(b.device.counters().cookies_sent == 200);

  const auto first = a.send(at(0s), a.packet_to(b, view("x")));
  const auto cookie = b.receive(at(0s), first);
  REQUIRE(cookie.size() == 1);
  CHECK(cookie[0].bytes.size() == kCookieReplySize);
  CHECK(cookie[0].to == a.endpoint);
  // A cookie reply gets no answer: in the paper the timer sends the next initiation.
  CHECK(a.receive(at(0s), cookie).empty());
  CHECK(a.device.counters().cookie_forged == 0);

  flood(b, at(6s), 300);
  const auto cookies = b.device.counters().cookies_sent;
  exchange(at(6s), a, b, a.timeout(at(6s)));
  CHECK(b.device.counters().cookies_sent == cookies);
  CHECK(b.inbox.size() == 1);
}

TEST_CASE("under load a cookie does not serve another address") {
  Host a(1);
  Host b(2, {.handshakes_per_second = 10});
  introduce(at(0s), a, b);
  flood(b, at(0s), 300);
  a.receive(at(0s), b.receive(at(0s), a.send(at(0s), a.packet_to(b, view("x")))));
  flood(b, at(6s), 300);
  auto second = a.timeout(at(6s));
  REQUIRE(second.size() == 1);
  second[0].from.port = 9;
  const auto answer = b.receive(at(6s), second);
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].bytes.size() == kCookieReplySize);
}

TEST_CASE("under load a source with a cookie still has a limit") {
  Host b(2, {.handshakes_per_second = 10});
  CookieJar jar(b.device.public_key());
  const Endpoint from{IpAddress::v4(198, 51, 100, 1), 1};
  flood(b, at(0s), 300);
  const auto message = [&] {
    Bytes datagram(kInitiationSize);
    encode(Initiation{}, datagram);
    jar.add_macs(at(0s).steady, datagram);
    return datagram;
  };
  const auto reply = b.receive(at(0s), from, message());
  REQUIRE(reply.size() == 1);
  REQUIRE(jar.accept(at(0s).steady, decode_cookie_reply(reply[0].bytes)));
  const auto before = b.device.counters().initiation_forged;
  for (int i = 0; i < 50; ++i) CHECK(b.receive(at(0s), from, message()).empty());
  CHECK(b.device.counters().initiation_forged - before == SourceLimiter::kSourceBurst);
  CHECK(b.device.counters().source_limited == 50 - SourceLimiter::kSourceBurst);
}

TEST_CASE("under load an address is sent a few cookies a second, whoever claims it") {
  Host b(2, {.handshakes_per_second = 0});
  CookieJar anybody(b.device.public_key());
  const auto ask = [&](const Endpoint& from, Now now) {
    Bytes datagram(kInitiationSize);
    encode(Initiation{}, datagram);
    anybody.add_macs(now.steady, datagram);
    return b.receive(now, from, std::move(datagram)).size();
  };
  const Endpoint loud{IpAddress::v4(198, 51, 100, 1), 1};
  std::size_t cookies = 0;
  for (int i = 0; i < 1000; ++i) cookies += ask(loud, at(1s));
  CHECK(cookies == SourceLimiter::kSourceBurst);
  CHECK(b.device.counters().cookies_limited == 1000 - SourceLimiter::kSourceBurst);
  CHECK(ask({IpAddress::v4(198, 51, 100, 2), 1}, at(1s)) == 1);  // another source has its own rate
  CHECK(ask(loud, at(2s)) == 1);  // the loud source's rate comes back
}

TEST_CASE("under load attack: sources without number keep nobody from a cookie and a session") {
  Host a(1);
  Host b(2, {.handshakes_per_second = 0});
  introduce(at(0s), a, b);
  CookieJar anybody(b.device.public_key());
  SeededRng rng(9);
  const auto forge = [&](Now now) {  // every place of the table is taken and busy
    Bytes datagram(kInitiationSize);
    encode(Initiation{}, datagram);
    anybody.add_macs(now.steady, datagram);
    for (std::size_t i = 0; i < 3 * SourceLimiter::kMaxSources; ++i) {
      auto source = IpAddress::v4(0, 0, 0, 0);
      store_be(source.bytes.data() + 12, static_cast<std::uint32_t>(rng.next()));
      b.receive(now, {source, 9}, Bytes(datagram));
    }
  };
  forge(at(0s));
  CHECK(b.device.counters().cookies_limited == 0);
  const auto cookie = b.receive(at(0s), a.send(at(0s), a.packet_to(b, view("x"))));
  REQUIRE(cookie.size() == 1);
  a.receive(at(0s), cookie);
  forge(at(6s));
  exchange(at(6s), a, b, a.timeout(at(6s)));
  CHECK(b.inbox.size() == 1);
}
