#include "proto/core/bytes.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;

TEST_CASE("base64: RFC 4648 section 10 vectors") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(to_base64(view(plain)) == encoded);
    const auto decoded = from_base64(encoded);
    REQUIRE(decoded);
    CHECK(text(*decoded) == plain);
  }
}

TEST_CASE("base64: only the canonical spelling is taken") {
  for (const char* bad : {"Zg=", "Zg", "Zh==", "Zm9=", "Zm8", "Z===", "====", "Zm9v\n", "Zm 9v",
                          "Zm9-", "Zg==Zg=="}) {
    CHECK_FALSE(from_base64(bad));
  }
}

TEST_CASE("hex: lower case, even length") {
  CHECK(to_hex(Bytes{0x00, 0x9F, 0xFF}) == "009fff");
  CHECK(from_hex("009fff") == Bytes{0x00, 0x9F, 0xFF});
  for (const char* bad : {"0", "0G", "9F", "zz", " 0"}) CHECK_FALSE(from_hex(bad));
}

TEST_CASE("hex and base64 round-trip any bytes") {
  SeededRng rng(1);
  for (int round = 0; round < 300; ++round) {
    Bytes bytes(rng.below(70));
    rng.fill(bytes);
    CHECK(from_hex(to_hex(bytes)) == bytes);
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
}

TEST_CASE("Reader: a read past the end fails and stays failed") {
  const Bytes raw = {1, 2, 3};
  Reader reader(raw);
  CHECK(reader.be<std::uint16_t>() == 0x0102);
  CHECK_FALSE(reader.done());
  CHECK(reader.be<std::uint16_t>() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.take(0).empty());
  CHECK_FALSE(reader.ok());
}
