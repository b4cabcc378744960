#include "proto/wireguard/load.hpp"

#include <catch2/catch.hpp>

#include "proto/wireguard/cookie.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

struct Macs {
  SeededRng rng{3};
  crypto::KeyPair<crypto::WireGuardKey> receiver =
      crypto::KeyPair<crypto::WireGuardKey>::generate(rng);
  CookieChecker checker{receiver.public_key, rng};
  CookieJar jar{receiver.public_key};
  UdpWay from{{IpAddress::v4(192, 0, 2, 1), 51820}, {}};

  Bytes message(Instant now) {
    Bytes out(kInitiationSize);
    Initiation initiation;
    initiation.sender = SessionIndex(0x01020304);
    encode(initiation, out);
    jar.add_macs(now, out);
    return out;
  }
};

UdpWay from(const IpAddress& address) { return {{address, 51820}, {}}; }

RelayWay through_relay(std::uint8_t key, std::uint32_t relay) {
  RelayWay way{{}, RelayIndex(relay)};
  way.key.bytes.fill(key);
  return way;
}

}  // namespace

TEST_CASE("cookies: mac1 always, mac2 once a cookie came, for its address and time only") {
  Macs macs;
  const Instant start{5'000'000'000};
  const auto first = macs.message(start);
  CHECK(macs.checker.mac1_is_right(first));
  CHECK_FALSE(macs.checker.mac2_is_right(start, first, macs.from));
  for (std::size_t i = 0; i < kInitiationSize - 16; ++i) {
    auto changed = first;
    changed[i] ^= 1U;
    CHECK_FALSE(macs.checker.mac1_is_right(changed));
  }

  auto reply = macs.checker.reply(start, first, macs.from);
  CHECK(reply.receiver == SessionIndex(0x01020304));
  auto forged = reply;
  forged.sealed_cookie[0] ^= 1U;
  CHECK_FALSE(macs.jar.accept(start, forged));
  // A cookie jar that asked for nothing.
  CHECK_FALSE(CookieJar(macs.receiver.public_key).accept(start, reply));
  REQUIRE(macs.jar.accept(start, reply));

  const auto second = macs.message(start);
  CHECK(macs.checker.mac2_is_right(start, second, macs.from));
  auto other = macs.from;
  other.endpoint.port = 51821;
  CHECK_FALSE(macs.checker.mac2_is_right(start, second, other));
  other = macs.from;
  other.endpoint.address = IpAddress::v4(192, 0, 2, 2);
  CHECK_FALSE(macs.checker.mac2_is_right(start, second, other));
  auto changed = second;
  changed.back() ^= 1U;
  CHECK_FALSE(macs.checker.mac2_is_right(start, changed, macs.from));

  // Through a relay the cookie is for the sender's relay key, whichever relay the sender uses.
  Macs relayed;
  const auto asked = relayed.message(start);
  REQUIRE(relayed.jar.accept(start, relayed.checker.reply(start, asked, through_relay(1, 1))));
  const auto proven = relayed.message(start);
  CHECK(relayed.checker.mac2_is_right(start, proven, through_relay(1, 2)));
  CHECK_FALSE(relayed.checker.mac2_is_right(start, proven, through_relay(2, 1)));
  CHECK_FALSE(relayed.checker.mac2_is_right(start, proven, relayed.from));

  // Both sides drop the cookie after 120 s.
  CHECK(macs.checker.mac2_is_right(start + 119s, second, macs.from));
  CHECK_FALSE(macs.checker.mac2_is_right(start + 120s, second, macs.from));
  CHECK(equal(ByteView(macs.message(start + 120s)).last(16), Bytes(16, 0)));
  // A reply to an earlier message is no answer to the latest message.
  const auto third = macs.message(start + 121s);
  const auto late = macs.checker.reply(start + 121s, third, macs.from);
  Initiation different;
  Bytes fourth(kInitiationSize);
  encode(different, fourth);
  macs.jar.add_macs(start + 121s, fourth);
  CHECK_FALSE(macs.jar.accept(start + 121s, late));
}

TEST_CASE("load: a burst and a rate, and a second until the load is forgotten") {
  HandshakeLoad load(100);
  Instant now{1'000'000'000};
  for (std::uint32_t i = 0; i < HandshakeLoad::kBurst; ++i) CHECK_FALSE(load.under_load(now));
  CHECK(load.under_load(now));
  CHECK(load.under_load(now + 999ms));
  CHECK_FALSE(load.under_load(now + 1001ms));
  // Twice the rate for ten seconds: under load from the end of the burst to the end of the ten
  // seconds.
  now += 100s;
  int loaded = 0;
  for (int i = 0; i < 2000; ++i) loaded += load.under_load(now + i * 5ms) ? 1 : 0;
  CHECK(loaded > 1700);
  CHECK(loaded < 1900);
}

TEST_CASE("source limits: a rate each, IPv6 by the first 64 bits") {
  SeededRng rng(4);
  SourceLimiter limiter(rng, {rng.next(), rng.next()});
  const Instant now{1'000'000'000};
  const auto one = from(*parse_address("2001:db8:0:1::1"));
  const auto neighbour = from(*parse_address("2001:db8:0:1::2"));
  const auto other = from(*parse_address("2001:db8:0:2::1"));
  for (std::uint32_t i = 0; i < SourceLimiter::kSourceBurst; ++i) CHECK(limiter.allow(now, one));
  CHECK_FALSE(limiter.allow(now, one));
  CHECK_FALSE(limiter.allow(now, neighbour));
  CHECK(limiter.allow(now, other));
  CHECK(limiter.allow(now + 50ms, neighbour));
  CHECK_FALSE(limiter.allow(now + 50ms, one));
}

TEST_CASE("source limits: a sender behind relays is one source, whichever relay it takes") {
  SeededRng rng(4);
  SourceLimiter limiter(rng, {rng.next(), rng.next()});
  const Instant now{1'000'000'000};
  for (std::uint32_t i = 0; i < SourceLimiter::kSourceBurst; ++i) {
    CHECK(limiter.allow(now, through_relay(1, i)));
  }
  CHECK_FALSE(limiter.allow(now, through_relay(1, 0)));
  CHECK(limiter.allow(now, through_relay(2, 0)));
}

TEST_CASE("source limits attack: forged sources that fill the table shut nobody out") {
  SeededRng rng(5);
  SourceLimiter limiter(rng, {rng.next(), rng.next()});
  Instant now{1'000'000'000};
  const auto victim = from(IpAddress::v4(198, 51, 100, 7));
  const auto forged = [&] {
    auto source = IpAddress::v4(0, 0, 0, 0);
    store_be(source.bytes.data() + 12, static_cast<std::uint32_t>(rng.next()));
    return from(source);
  };
  // 100,000 sources a second keep every place of the table busy; the victim sends now and then.
  for (int round = 0; round < 20; ++round) {
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
      now += 10us;
      if (!limiter.allow(now, forged())) ++refused;
    }
    CHECK(refused == 0);
    CHECK(limiter.allow(now, victim));
  }
  // A single source gets its rate and no more, as long as other sources do not displace it.
  std::size_t passed = 0;
  for (int i = 0; i < 1000; ++i)
    passed += limiter.allow(now, from(IpAddress::v4(203, 0, 113, 1))) ? 1U : 0U;
  CHECK(passed == SourceLimiter::kSourceBurst);
}
