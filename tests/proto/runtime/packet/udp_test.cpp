#include "proto/runtime/packet/udp.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "proto/core/rng.hpp"
#include "tests/proto/runtime/runtime_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

using Got = std::vector<std::pair<Endpoint, Bytes>>;

std::unique_ptr<UdpSocket> collect(Loop& loop, const Endpoint& at, Got& got, bool offload) {
  auto socket =
      UdpSocket::open(loop, at,
                      [&](std::span<Datagram> batch) {
                        for (const auto& d : batch)
                          got.emplace_back(*endpoint_of(d.way), to_bytes(ByteView(d.bytes)));
                      },
                      {offload ? Offloads{} : Offloads::none()});
  REQUIRE(socket);
  return std::move(*socket);
}

}  // namespace

TEST_CASE("UDP batches arrive whole and in order, with and without offload", "[runtime][udp]") {
  const bool send_offload = GENERATE(true, false);
  const bool receive_offload = GENERATE(true, false);
  CAPTURE(send_offload, receive_offload);
  Loop loop;
  Got got;
  Got back;
  const auto receiver = collect(loop, loopback(), got, receive_offload);
  const auto sender = collect(loop, loopback(), back, send_offload);
  SeededRng rng(7);
  std::vector<Bytes> payloads;
  for (unsigned i = 0; i < 300; ++i) {  // runs of equal size, shorter ends, empty and large ones
    std::size_t size = 1200 + i / 100;
    if (i % 40 == 39) size = rng.below(1200);
    if (i % 50 == 49) size = 0;
    payloads.emplace_back(size, static_cast<std::uint8_t>(i));
  }
  payloads.emplace_back(9000, 1);
  std::vector<Datagram> batch;
  for (auto& p : payloads) batch.push_back({UdpWay{receiver->local_endpoint()}, p});
  const auto sent = sender->send(batch);
  CHECK(sent.dropped == 0);
  CHECK(sent.unreachable.empty());
  RUN_UNTIL(loop, got.size() == payloads.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    CHECK(got[i].first == sender->local_endpoint());
    CHECK(got[i].second == payloads[i]);
  }
  CHECK(sender->counters().sent == payloads.size());
  CHECK(receiver->counters().received == payloads.size());
  if (sender->segmentation()) CHECK(sender->counters().send_calls < 10);
}

TEST_CASE("one [::] socket speaks both families", "[runtime][udp]") {
  Loop loop;
  Got got;
  Got four;
  const auto any = collect(loop, Endpoint{*parse_address("::"), 0}, got, true);
  const auto v4 = collect(loop, loopback(), four, true);
  const Endpoint any_v4 = loopback(any->local_endpoint().port);
  auto to_six = to_bytes("to six");
  v4->send(std::vector<Datagram>{{UdpWay{any_v4}, to_six}});
  RUN_UNTIL(loop, got.size() == 1);
  CHECK(got[0].first == v4->local_endpoint());
  CHECK(got[0].first.address.is_v4());
  auto to_four = to_bytes("to four");
  any->send(std::vector<Datagram>{{UdpWay{got[0].first}, to_four}});
  RUN_UNTIL(loop, four.size() == 1);
  CHECK(four[0].first == any_v4);
}

TEST_CASE("ECN travels with each datagram, in both families, also in segmented sends",
          "[runtime][udp]") {
  const bool offload = GENERATE(true, false);
  const std::string address = GENERATE("127.0.0.1", "::1");
  CAPTURE(offload, address);
  Loop loop;
  std::vector<std::pair<std::uint8_t, std::uint8_t>> got;  // received ECN, ECN in the payload
  auto opened = UdpSocket::open(loop, Endpoint{},
                                [&](std::span<Datagram> batch) {
                                  for (const auto& d : batch) got.emplace_back(d.ecn, d.bytes[0]);
                                },
                                {offload ? Offloads{} : Offloads::none()});
  REQUIRE(opened);
  const auto& receiver = *opened;
  Got none;
  const auto sender = collect(loop, Endpoint{}, none, offload);
  const Endpoint to{*parse_address(address), receiver->local_endpoint().port};
  std::vector<Bytes> payloads;
  for (std::uint8_t i = 0; i < 200; ++i) payloads.emplace_back(1200, (i / 7) % 4);
  std::vector<Datagram> batch;
  for (auto& p : payloads) batch.push_back({UdpWay{to}, p, p[0]});
  CHECK(sender->send(batch).unreachable.empty());
  RUN_UNTIL(loop, got.size() == payloads.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    REQUIRE(int{got[i].second} == int{payloads[i][0]});
    REQUIRE(int{got[i].first} == int{got[i].second});
  }
}

TEST_CASE("a refused destination is named and does not stop the batch", "[runtime][udp]") {
  Loop loop;
  Got got;
  const auto socket = collect(loop, loopback(), got, true);
  const UdpWay six{{*parse_address("::1"), 9}, {}};  // no IPv6 on an IPv4 socket
  const UdpWay here{socket->local_endpoint(), {}};
  Bytes one(3);
  Bytes other(1);
  const auto sent =
      socket->send(std::vector<Datagram>{{here, one}, {six, other}, {six, other}, {here, one}});
  CHECK(sent.unreachable == std::vector{six.endpoint});
  RUN_UNTIL(loop, got.size() == 2);
  CHECK(socket->counters().errors > 0);
}

TEST_CASE("a packet that the interface does not take whole is dropped, not fragmented",
          "[runtime][udp]") {
  Loop loop;
  Got got;
  const auto six = GENERATE(false, true);
  const auto receiver = collect(loop, loopback(), got, true);
  const auto at = six ? Endpoint{*parse_address("::"), 0} : loopback();
  const auto sender = UdpSocket::open(loop, at, [](std::span<Datagram>) {}, {.whole = true});
  REQUIRE(sender);
  const UdpWay to{receiver->local_endpoint(), {}};
  Bytes end(3);
  Bytes fits(65'000);
  Bytes beyond(65'530 - 20);  // too long for lo's MTU of 65,536 and for UDP over IPv4
  const auto sent =
      (*sender)->send(std::vector<Datagram>{{to, fits}, {to, beyond}, {to, beyond}, {to, end}});
  CHECK(sent.dropped == 2);
  CHECK(sent.unreachable.empty());
  RUN_UNTIL(loop, got.size() == 2);
}

TEST_CASE("a socket may be destroyed inside its event; ports in use are refused",
          "[runtime][udp]") {
  Loop loop;
  std::unique_ptr<UdpSocket> socket;
  auto opened = UdpSocket::open(loop, loopback(), [&](auto) { socket.reset(); });
  REQUIRE(opened);
  socket = std::move(*opened);
  const auto again = UdpSocket::open(loop, socket->local_endpoint(), [](auto) {});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::kConflict);
  auto self = to_bytes("self");
  socket->send(std::vector<Datagram>{{UdpWay{socket->local_endpoint()}, self}});
  RUN_UNTIL(loop, !socket);
}
