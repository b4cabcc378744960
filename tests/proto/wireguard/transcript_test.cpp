// A whole conversation, byte by byte: fixed keys, seeded randomness, fixed time. A change of any
// byte on the wire fails here; tests/interop/wireguard shows that the bytes are right.
#include <catch2/catch.hpp>

#include "proto/crypto/hash.hpp"
#include "tests/proto/wireguard/wireguard_support.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

TEST_CASE("transcript: initiation, response, data, keepalive") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  const auto psk = crypto::blake2s({view("a preshared key")});
  REQUIRE(a.device.set_preshared_key(b.device.public_key(), crypto::Secret32(psk)));
  REQUIRE(b.device.set_preshared_key(a.device.public_key(), crypto::Secret32(psk)));
  CHECK(a.device.public_key().hex() ==
        "f390ed8ab4ba780afbfefec3c45abc0787428da19e3c50178cb6b89e1a107164");
  CHECK(b.device.public_key().hex() ==
        "3806858b722015759fe2fd599239a00e5bb2989d1f2267968b3b29017ac47b41");

  const auto initiation = a.send(at(0s), a.packet_to(b, view("hello")));
  REQUIRE(initiation.size() == 1);
  CHECK(to_hex(initiation[0].bytes) ==
        "01000000b9b501d140e913b735c3f408e7c85ca9bfbb5af8196911ea249fe96d4e96abafcbaa1d38183e22af"
        "f4611ccfb9f3b2d5b53f4361181864cf62c636706e0a52b7e29d0802171423b4664df53a19ff2039805d696a"
        "890396cbe8d6b34370187cc9d8aaf14c3d9d6ba79f4660aaf430a5e3b55d1e4648a22bb474fbfd96963c98ca"
        "00000000000000000000000000000000");
  const auto response = b.receive(at(0s), initiation);
  REQUIRE(response.size() == 1);
  CHECK(to_hex(response[0].bytes) ==
        "0200000029fb173fb9b501d18a47dd8ef6571bd3e8ff8eab1d1d9bddc673faf6b7699538c30710c099014311"
        "beeb11bc023e24d5404e240d98745a1bbbdd84c5a20235f0f89491f7f5fd2151000000000000000000000000"
        "00000000");
  const auto data = a.receive(at(0s), response);
  REQUIRE(data.size() == 1);
  CHECK(to_hex(data[0].bytes) ==
        "0400000029fb173f0000000000000000df1691c139c2eb3e27bf8dba8a9c9f587ccc3e600c2d763d6c9550a3"
        "d4eea33eb0f49fad992280bd7904142c0c793824c68ce6111f5d13008e25c17b63458293319ffac46d9b672e"
        "bc4b0a51aedb481b");
  CHECK(b.receive(at(0s), data).empty());
  CHECK(b.inbox.size() == 1);
  const auto keepalive = b.timeout(at(10s));
  REQUIRE(keepalive.size() == 1);
  CHECK(to_hex(keepalive[0].bytes) ==
        "04000000b9b501d100000000000000005b56bc49d6dcfb6f8e72212f5e968991");
  a.receive(at(10s), keepalive);
  CHECK(a.device.counters().keepalives_received == 1);
}

TEST_CASE("transcript: a cookie reply, and the initiation that carries the cookie") {
  Host a(1);
  Host b(2, {.handshakes_per_second = 0});
  introduce(at(0s), a, b);
  const auto cookie = b.receive(at(0s), a.send(at(0s), a.packet_to(b, view("hello"))));
  REQUIRE(cookie.size() == 1);
  CHECK(to_hex(cookie[0].bytes) ==
        "03000000b9b501d129fb173fb546c44fb3b2c77bb33cbc5886654aae7b4ff2b9550870e6cd7af967b3b94e53"
        "c76fc9c100426e2ad4c57a1415372a8e872c1e59");
  a.receive(at(0s), cookie);
  const auto second = a.timeout(at(6s));
  REQUIRE(second.size() == 1);
  CHECK(to_hex(second[0].bytes) ==
        "01000000614f5601592a8302def078e0d7c4eaf2f51792be53ce038afdba67adce0c4a2da932ab3f2205b323"
        "bac989685aa9bbc9456adf099d52f6d1453dc4696653ee333cb2c5468d59fc5457e87318bf23ec2807fae507"
        "5823ee4e110db11936df28518ce40e557d39a086aaf6ce833b87ab12005c776a6800c415d4f7f4a74f31aa95"
        "bb6a5f082d5090f0dafdb872d53274a6");
  CHECK(b.receive(at(6s), second).size() == 1);
}
