#include "agent/local/owner.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::local;

namespace {

// As the kernel prints them (proc(5)); 1F90 is 8080.
constexpr std::string_view kTable4 =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:0438 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "11 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:1F90 0100007F:0438 01 00000000:00000000 00:00000000 00000000  1001        0 "
    "12 1 0000000000000000 20 4 30 10 -1\n"
    "   2: 0100007F:0438 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "13 1 0000000000000000 20 4 30 10 -1\n"
    "   3: 0100007F:1F91 0100007F:0438 06 00000000:00000000 03:00000000 00000000     0        0 0 "
    "3 0000000000000000\n"
    "   4: 0100007F:1F92 0100007F:0438 01 00000000:00000000 00:00000000 00000000     0        0 0 "
    "1 0000000000000000\n";
constexpr std::string_view kTable6 =
    "  sl  local_address                         remote_address ...\n"
    "   0: 0000000000000000FFFF00000100007F:1F93 0000000000000000FFFF00000100007F:0438 01 "
    "00000000:00000000 00:00000000 00000000  1003        0 15 1 0000000000000000 20 4 30 10 -1\n"
    "   1: 00000000000000000000000001000000:1F94 00000000000000000000000001000000:0438 01 "
    "00000000:00000000 00:00000000 00000000  1004        0 16 1 0000000000000000 20 4 30 10 -1\n";

Endpoint at(const char* text) { return *parse_endpoint(text); }

}  // namespace

TEST_CASE("owner: the uid stands in the client's row") {
  CHECK(uid_in_table(kTable4, at("127.0.0.1:8080"), at("127.0.0.1:1080")) == 1001U);
  CHECK(uid_in_table(kTable6, at("127.0.0.1:8083"), at("127.0.0.1:1080")) == 1003U);
  CHECK(uid_in_table(kTable6, at("[::1]:8084"), at("[::1]:1080")) == 1004U);
}

TEST_CASE("owner: no row, no owner") {
  CHECK_FALSE(uid_in_table(kTable4, at("127.0.0.1:9999"), at("127.0.0.1:1080")));
  CHECK_FALSE(uid_in_table(kTable4, at("127.0.0.2:8080"), at("127.0.0.1:1080")));
  CHECK_FALSE(uid_in_table("", at("127.0.0.1:8080"), at("127.0.0.1:1080")));
  CHECK_FALSE(uid_in_table("x\n\n  1: zz:zz 0: 01", at("127.0.0.1:8080"), at("127.0.0.1:1080")));
}

TEST_CASE("owner: a socket that its process has left counts as nobody's, not as root's") {
  CHECK_FALSE(uid_in_table(kTable4, at("127.0.0.1:8081"), at("127.0.0.1:1080")));  // TIME_WAIT
  CHECK_FALSE(uid_in_table(kTable4, at("127.0.0.1:8082"), at("127.0.0.1:1080")));  // no inode
}

TEST_CASE("owner: a datagram's sender is found by its port, connected or not") {
  constexpr std::string_view table =
      "  sl  local_address rem_address   st ...\n"
      "  1: 0100007F:1F90 9900007F:0035 01 00000000:00000000 00:00000000 00000000  1001        0 "
      "21 2 "
      "0000000000000000 0\n"
      "  2: 00000000:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000  1002        0 "
      "22 2 "
      "0000000000000000 0\n"
      "  3: 0200007F:1F92 00000000:0000 07 00000000:00000000 00:00000000 00000000  1003        0 "
      "23 2 "
      "0000000000000000 0\n"
      "  4: 0100007F:1F93 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 "
      "2 "
      "0000000000000000 0\n";
  CHECK(uid_of_datagram(table, at("127.0.0.1:8080")) == 1001U);
  CHECK(uid_of_datagram(table, at("127.0.0.1:8081")) == 1002U);
  CHECK_FALSE(uid_of_datagram(table, at("127.0.0.1:8082")));  // bound to another address
  CHECK_FALSE(uid_of_datagram(table, at("127.0.0.1:8083")));  // nobody's any more
  CHECK_FALSE(uid_of_datagram(table, at("127.0.0.1:9999")));
}
