// Published vectors: RFC 7748 §5.2 and §6.1, RFC 7693 appendix B, RFC 8439 §2.8.2, RFC 5869
// appendix A, RFC 8032 §7.1.
#include <catch2/catch.hpp>

#include "proto/crypto/aead.hpp"
#include "proto/crypto/aead_backend.hpp"
#include "proto/crypto/box.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/crypto/keys.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::crypto;

namespace {

Bytes hex(std::string_view text) {
  const auto bytes = from_hex(text);
  REQUIRE(bytes);
  return *bytes;
}
Secret32 secret(std::string_view text) { return Secret32(hex(text)); }

}  // namespace

TEST_CASE("X25519: RFC 7748 section 5.2") {
  const auto scalar = secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const auto u = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  const auto out = x25519(scalar, u);
  REQUIRE(out);
  CHECK(to_hex(out->reveal()) ==
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST_CASE("X25519: RFC 7748 section 6.1") {
  const auto alice = secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const auto bob = secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const auto alice_public = x25519_base(alice);
  const auto bob_public = x25519_base(bob);
  CHECK(to_hex(alice_public) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(to_hex(bob_public) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto ours = x25519(alice, bob_public);
  const auto theirs = x25519(bob, alice_public);
  REQUIRE(ours);
  REQUIRE(theirs);
  CHECK(ours->equals(*theirs));
  CHECK(to_hex(ours->reveal()) ==
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("Ed25519: RFC 8032 section 7.1, test 2") {
  const auto key = SigningKey::from_seed(
      secret("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  CHECK(key.public_key().hex() ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes message = {0x72};
  const auto signature = key.sign(message);
  CHECK(signature.hex() ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(verify(key.public_key(), message, signature));
  CHECK_FALSE(verify(key.public_key(), Bytes{0x73}, signature));
}

TEST_CASE("BLAKE2s: RFC 7693 appendix B, and keyed with 16 bytes out") {
  CHECK(to_hex(blake2s({view("abc")})) ==
        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  CHECK(to_hex(blake2s({view("a"), view("bc")})) == to_hex(blake2s({view("abc")})));
  // Key 00..1f, message 00..n-1: the vectors of Go's x/crypto/blake2s for its 128-bit form.
  Bytes counting(64);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<std::uint8_t>(i);
  const auto key = ByteView(counting).first(32);
  Blake2sMac16 keyed_once(key);
  const auto mac = [&](std::size_t n) {
    const auto message = ByteView(counting).first(n);
    CHECK(keyed_once(message) == blake2s_mac16(key, message));
    return to_hex(blake2s_mac16(key, message));
  };
  CHECK(mac(0) == "9536f9b267655743dee97b8a670f9f53");
  CHECK(mac(1) == "13bacfb85b48a1223c595f8c1e7e82cb");
  CHECK(mac(2) == "d47a9b1645e2feae501cd5fe44ce6333");
  CHECK(mac(64) == "f1efa90d2547036841ecd3627fafbc36");
}

TEST_CASE("SHA-256: FIPS 180-4 example") {
  CHECK(sha256(view("abc")).hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HKDF: RFC 5869 appendix A.1 and A.3") {
  {
    const auto prk = hkdf_extract(HashKind::kSha256, hex("000102030405060708090a0b0c"),
                                  hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"));
    CHECK(to_hex(prk.reveal()) ==
          "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    Bytes okm(42);
    hkdf_expand(HashKind::kSha256, prk, hex("f0f1f2f3f4f5f6f7f8f9"), okm);
    CHECK(to_hex(okm) ==
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  }
  {
    const auto prk =
        hkdf_extract(HashKind::kSha256, {}, hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"));
    Bytes okm(42);
    hkdf_expand(HashKind::kSha256, prk, {}, okm);
    CHECK(to_hex(okm) ==
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  }
}

TEST_CASE("ChaCha20-Poly1305: RFC 8439 section 2.8.2") {
  const auto key = secret("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const AeadNonce nonce = {0x07, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
  const auto associated = hex("50515253c0c1c2c3c4c5c6c7");
  const Bytes plain = to_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.");
  Bytes sealed(plain.size() + kAeadTagSize);
  aead_seal(key, nonce, associated, plain, sealed);
  CHECK(to_hex(sealed) ==
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
        "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594"
        "5585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
  Bytes opened(plain.size());
  REQUIRE(aead_open(key, nonce, associated, sealed, opened));
  CHECK(opened == plain);
}

TEST_CASE("ChaCha20-Poly1305: the nonce is a counter; nothing may be changed") {
  const auto key = secret("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const Bytes plain = to_bytes("Ladies and Gentlemen of the class of '99");
  Bytes sealed(plain.size() + kAeadTagSize);
  aead_seal(key, 0x4746454443424140, view("header"), plain, sealed);
  Bytes opened(plain.size());
  const AeadNonce nonce = {0, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
  REQUIRE(aead_open(key, nonce, view("header"), sealed, opened));
  CHECK(opened == plain);
  CHECK_FALSE(aead_open(key, 8, view("header"), sealed, opened));
  CHECK_FALSE(aead_open(key, nonce, view("Header"), sealed, opened));
  sealed[3] ^= 1U;
  CHECK_FALSE(aead_open(key, nonce, view("header"), sealed, opened));
}

TEST_CASE("AEAD batches: every library, single seals alike; several keys share one") {
  const auto which = GENERATE(range<std::size_t>(0, aead_backends().size()));
  const auto& backend = aead_backends()[which];
  CAPTURE(backend.name);
  SeededRng rng(7);
  for (int round = 0; round < 20; ++round) {
    const auto first = Secret32::random(rng);
    const auto second = Secret32::random(rng);
    std::vector<Bytes> plain(17);
    std::vector<Bytes> buffers(plain.size());
    std::vector<AeadJob> jobs(plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      plain[i].resize(i == 0 ? 0 : rng.below(i == 1 ? 65'000 : 1500));
      rng.fill(plain[i]);
      buffers[i] = plain[i];
      buffers[i].resize(plain[i].size() + kAeadTagSize);
      jobs[i] = {i % 3 == 0 ? &first : &second, i * 1000, buffers[i], false};
    }
    backend.seal(jobs);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      Bytes single(plain[i].size() + kAeadTagSize);
      aead_seal(*jobs[i].key, jobs[i].counter, {}, plain[i], single);
      CHECK(buffers[i] == single);
    }
    buffers[4].back() ^= 1U;
    backend.open(jobs);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      CHECK(jobs[i].ok == (i != 4));
      if (i != 4) CHECK(equal(ByteView(buffers[i]).first(plain[i].size()), plain[i]));
    }
  }
}

TEST_CASE("AEAD batches: one is in use, others can be chosen, what is too short does not open") {
  CHECK_FALSE(choose_aead("rot13"));
  Instant tick{};
  const std::string_view measured = fastest_aead([&] { return tick = tick + 1ms; }).name;
  CHECK(choose_aead("sodium"));
  CHECK(aead_in_use().name == "sodium");
  CHECK(choose_aead(measured));
  SeededRng rng(8);
  const auto key = Secret32::random(rng);
  std::vector<Bytes> buffers = {Bytes(15), Bytes(40), Bytes(0), Bytes(3), Bytes(40)};
  std::vector<AeadJob> jobs;
  for (auto& buffer : buffers) jobs.push_back({&key, 1, buffer, false});
  for (const std::size_t i : {1U, 4U}) seal_batch(std::span(jobs).subspan(i, 1));
  open_batch(jobs);
  const std::vector<bool> expected = {false, true, false, false, true};
  for (std::size_t i = 0; i < jobs.size(); ++i) CHECK(jobs[i].ok == expected[i]);
}

TEST_CASE("box: both sides share a key, a forged message does not open") {
  SeededRng rng(3);
  const auto alice = KeyPair<DiscoKey>::generate(rng);
  const auto bob = KeyPair<DiscoKey>::generate(rng);
  const auto ours = BoxKey::between(alice.secret, bob.public_key.view());
  const auto theirs = BoxKey::between(bob.secret, alice.public_key.view());
  REQUIRE(ours);
  REQUIRE(theirs);
  const auto nonce = rng.array<kBoxNonceSize>();
  auto sealed = ours->seal(nonce, view("ping"));
  CHECK(text(theirs->open(nonce, sealed).value()) == "ping");
  sealed[0] ^= 1U;
  CHECK_FALSE(theirs->open(nonce, sealed));
  CHECK_FALSE(BoxKey::between(alice.secret, DiscoKey{}.view()));
}

TEST_CASE("a low-order point gives no shared secret") {
  SeededRng rng(5);
  CHECK_FALSE(x25519(Secret32::random(rng), Bytes(32, 0)));
}

TEST_CASE("key spellings: one form only") {
  SeededRng rng(9);
  const auto key = SigningKey::generate(rng).public_key();
  CHECK(parse_ed25519(format_ed25519(key)) == key);
  CHECK_FALSE(parse_ed25519("x25519:" + key.hex()));
  CHECK_FALSE(parse_ed25519(format_ed25519(key) + "0"));
  CHECK_FALSE(parse_ed25519("ed25519:" + std::string(64, 'A')));
}
