#include "proto/wireguard/timers.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {
constexpr Instant kStart{1'000'000'000};
}

TEST_CASE("timers: an initiation is repeated for REKEY_ATTEMPT_TIME, then given up") {
  SeededRng rng(1);
  Timers timers;
  Instant now = kStart;
  int sent = 0;
  for (;; ++sent) {
    REQUIRE(sent < 100);
    timers.initiation_sent(now, rng);
    const Instant next = timers.next();
    CHECK(next - now >= kRekeyTimeout);
    CHECK(next - now < kRekeyTimeout + kRekeyTimeoutJitter);
    CHECK_FALSE(timers.expire(next - 1ns).retransmit);
    now = next;
    const auto expired = timers.expire(now);
    CHECK(expired.retransmit != expired.give_up);
    if (expired.give_up) break;
  }
  CHECK(now - kStart >= kRekeyAttemptTime);
  CHECK(now - kStart < kRekeyAttemptTime + 18 * kRekeyTimeoutJitter);
  CHECK(timers.next() == now + 3 * kRejectAfterTime);  // only the erasure is left
}

TEST_CASE("timers: a response ends the repetition") {
  SeededRng rng(1);
  Timers timers;
  timers.initiation_sent(kStart, rng);
  timers.handshake_complete();
  CHECK(timers.next() == Instant::never());
}

TEST_CASE("timers: data is answered by a keepalive unless something went back") {
  Timers timers;
  timers.data_received(kStart);
  timers.data_received(kStart + 3s);
  CHECK(timers.next() == kStart + kKeepaliveTimeout);
  CHECK(timers.expire(kStart + 10s).keepalive);
  CHECK(timers.expire(kStart + 20s).keepalive);  // more data had come, so a second keepalive
  CHECK(timers.next() == Instant::never());
  timers.data_received(kStart + 30s);
  timers.authenticated_sent(kStart + 31s);
  CHECK(timers.next() == Instant::never());
}

TEST_CASE("timers: silence after data calls for a new handshake") {
  Timers timers;
  timers.data_sent(kStart);
  timers.data_sent(kStart + 5s);
  CHECK(timers.next() == kStart + kKeepaliveTimeout + kRekeyTimeout);
  timers.authenticated_received(kStart + 6s);
  CHECK(timers.next() == Instant::never());
  timers.data_sent(kStart + 7s);
  CHECK(timers.expire(kStart + 22s).new_handshake);
  CHECK_FALSE(timers.expire(kStart + 100s).new_handshake);
}

TEST_CASE("timers: keys are erased, persistent keepalives go on") {
  SeededRng rng(1);
  Timers timers;
  timers.session_derived(kStart, rng);
  CHECK(timers.expire(kStart + 3 * kRejectAfterTime).zero_keys);
  timers.set_persistent(kStart, 25s);
  CHECK(timers.next() == kStart);  // at once, then at the interval
  CHECK(timers.expire(kStart).persistent);
  CHECK(timers.next() == kStart + 25s);
  timers.authenticated_received(kStart + 20s);
  CHECK(timers.next() == kStart + 45s);
  timers.set_persistent(kStart, {});
  CHECK(timers.next() == Instant::never());
}
