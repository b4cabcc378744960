// Who owns the other end of a loopback connection: made-up answers and tables of the kernel, and
// those of the real kernel.
#include "agent/proxy/owner.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "agent/proxy/owners.hpp"
#include "tests/agent/proxy/local_support.hpp"

using namespace culvert;
using namespace culvert::proxy;

namespace {

// In the format of the kernel (proc(5)); 1F90 is 8080.
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
    "1 0000000000000000\n"
    "   5: 0100007F:1F95 0100007F:0438 05 00000000:00000000 00:00000000 00000000  1005        0 "
    "16 1 0000000000000000\n"
    "   6: 0100007F:1F96 0100007F:0438 08 00000000:00000000 00:00000000 00000000  1006        0 "
    "17 1 0000000000000000\n"
    "   7: 0100007F:1F97 0100007F:0438 05 00000000:00000000 00:00000000 00000000     0        0 "
    "0 1 0000000000000000\n";
constexpr std::string_view kTable6 =
    "  sl  local_address                         remote_address ...\n"
    "   0: 0000000000000000FFFF00000100007F:1F93 0000000000000000FFFF00000100007F:0438 01 "
    "00000000:00000000 00:00000000 00000000  1003        0 15 1 0000000000000000 20 4 30 10 -1\n"
    "   1: 00000000000000000000000001000000:1F94 00000000000000000000000001000000:0438 01 "
    "00000000:00000000 00:00000000 00000000  1004        0 16 1 0000000000000000 20 4 30 10 -1\n";

Endpoint at(const char* text) { return *parse_endpoint(text); }

std::optional<std::uint32_t> uid_in_table(std::string_view table, const Endpoint& client,
                                          const Endpoint& server) {
  const SocketQuestion question{Transport::kTcp, client, server};
  Uids uids(1);
  find_in_table(table, Transport::kTcp, {&question, 1}, uids);
  return uids.front();
}
std::optional<std::uint32_t> uid_of_datagram(std::string_view table, const Endpoint& client) {
  const SocketQuestion question{Transport::kUdp, client, at("127.0.0.153:53")};
  Uids uids(1);
  find_in_table(table, Transport::kUdp, {&question, 1}, uids);
  return uids.front();
}

// A kernel's answer about a connection from `client` to `server`.
struct Kernel {
  nlmsghdr header{};
  inet_diag_msg found{};
  Kernel(const Endpoint& client, const Endpoint& server, std::uint32_t uid) {
    header.nlmsg_len = sizeof(nlmsghdr) + sizeof(inet_diag_msg);
    header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    found.idiag_family = client.address.is_v4() ? AF_INET : AF_INET6;
    found.idiag_state = TCP_ESTABLISHED;
    std::memcpy(found.id.idiag_src, client.address.raw().data(), client.address.raw().size());
    std::memcpy(found.id.idiag_dst, server.address.raw().data(), server.address.raw().size());
    found.id.idiag_sport = htons(client.port);
    found.id.idiag_dport = htons(server.port);
    found.idiag_uid = uid;
    found.idiag_inode = 7;
  }
  Bytes bytes() const {
    Bytes out(sizeof header + sizeof found);
    std::memcpy(out.data(), &header, sizeof header);
    std::memcpy(out.data() + sizeof header, &found, sizeof found);
    return out;
  }
};
Bytes kernel_error(int number) {
  nlmsghdr header{};
  nlmsgerr error{};
  header.nlmsg_len = sizeof header + sizeof error;
  header.nlmsg_type = NLMSG_ERROR;
  error.error = -number;
  Bytes out(sizeof header + sizeof error);
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + sizeof header, &error, sizeof error);
  return out;
}

// A listener and one connection to it, with plain sockets.
class Pair {
 public:
  Pair(const Endpoint& listen, const Endpoint& to) {
    const bool v4 = listen.address.is_v4();
    listener_ = ::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    bind_to(listener_, listen);
    REQUIRE(::listen(listener_, 4) == 0);
    server = name(listener_);
    client_ = ::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    connect_to({to.address, server.port});
  }
  ~Pair() {
    close_client();
    if (accepted_ >= 0) ::close(accepted_);
    ::close(listener_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  SocketQuestion question() const { return {Transport::kTcp, client, server}; }
  void send_fin() const { REQUIRE(::shutdown(client_, SHUT_WR) == 0); }
  void server_sends_fin() const { REQUIRE(::shutdown(accepted_, SHUT_WR) == 0); }
  void close_client() {
    if (client_ >= 0) ::close(std::exchange(client_, -1));
  }
  int client_descriptor() const { return client_; }
  Endpoint client, server;

 private:
  static void bind_to(int descriptor, const Endpoint& to) {
    sockaddr_storage raw{};
    REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&raw), fill(to, raw)) == 0);
  }
  static socklen_t fill(const Endpoint& to, sockaddr_storage& raw) {
    if (to.address.is_v4()) {
      auto& in = reinterpret_cast<sockaddr_in&>(raw);
      in.sin_family = AF_INET;
      in.sin_port = htons(to.port);
      std::memcpy(&in.sin_addr, to.address.raw().data(), 4);
      return sizeof in;
    }
    auto& in = reinterpret_cast<sockaddr_in6&>(raw);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(to.port);
    std::memcpy(&in.sin6_addr, to.address.raw().data(), 16);
    return sizeof in;
  }
  void connect_to(const Endpoint& to) {
    sockaddr_storage raw{};
    const auto size = fill(to, raw);
    REQUIRE(::connect(client_, reinterpret_cast<sockaddr*>(&raw), size) == 0);
    accepted_ = ::accept(listener_, nullptr, nullptr);
    REQUIRE(accepted_ >= 0);
    client = name(client_);
  }
  static Endpoint name(int descriptor) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    auto* address = reinterpret_cast<sockaddr*>(&raw);
    REQUIRE(::getsockname(descriptor, address, &size) == 0);
    if (raw.ss_family == AF_INET) {
      const auto& in = reinterpret_cast<sockaddr_in&>(raw);
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in.sin_addr);
      return {*IpAddress::from(ByteView(bytes, 4)), ntohs(in.sin_port)};
    }
    const auto& in = reinterpret_cast<sockaddr_in6&>(raw);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in.sin6_addr);
    return {*IpAddress::from(ByteView(bytes, 16)), ntohs(in.sin6_port)};
  }

  int listener_ = -1, client_ = -1, accepted_ = -1;
};

// Two kinds of sources: the kernel's answers, and the tables for a kernel that refuses to answer.
std::vector<OwnerSources> both_sources() {
  return {OwnerSources{}, OwnerSources{false, "/proc/net"}};
}

std::optional<std::uint32_t> find_one(OwnerFinder& finder, const SocketQuestion& question) {
  return finder.find({&question, 1}).front();
}

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
  CHECK_FALSE(uid_of_datagram(table, at("127.0.0.1:8083")));  // without an owner
  CHECK_FALSE(uid_of_datagram(table, at("127.0.0.1:9999")));
}

TEST_CASE("owner: a client that has sent its FIN still has an owner") {
  CHECK(uid_in_table(kTable4, at("127.0.0.1:8085"), at("127.0.0.1:1080")) == 1005U);
  CHECK(uid_in_table(kTable4, at("127.0.0.1:8086"), at("127.0.0.1:1080")) == 1006U);
  CHECK_FALSE(uid_in_table(kTable4, at("127.0.0.1:8087"), at("127.0.0.1:1080")));  // no inode
}

TEST_CASE("owner: many questions are answered by one pass over a table") {
  const std::vector<SocketQuestion> questions = {
      {Transport::kTcp, at("127.0.0.1:8080"), at("127.0.0.1:1080")},
      {Transport::kTcp, at("127.0.0.1:9999"), at("127.0.0.1:1080")},
      {Transport::kUdp, at("127.0.0.1:8085"), at("127.0.0.1:1080")},
      {Transport::kTcp, at("127.0.0.1:8085"), at("127.0.0.1:1080")}};
  Uids uids(questions.size());
  find_in_table(kTable4, Transport::kTcp, questions, uids);
  CHECK(uids == Uids{1001U, std::nullopt, std::nullopt, 1005U});
}

TEST_CASE("owner: the kernel's answer counts for the very socket alone") {
  const auto client = at("127.0.0.1:8080");
  const auto server = at("127.0.0.1:1080");
  const SocketQuestion question{Transport::kTcp, client, server};
  const Kernel good(client, server, 1001);
  const auto answer = parse_diag_answer(good.bytes(), question);
  CHECK(answer.outcome == DiagOutcome::kOwner);
  CHECK(answer.uid == 1001);

  const auto outcome = [&](const Bytes& bytes) {
    return parse_diag_answer(bytes, question).outcome;
  };
  // The agent's own end.
  CHECK(outcome(Kernel(server, client, 1001).bytes()) == DiagOutcome::kNobody);
  CHECK(outcome(Kernel(client, at("127.0.0.1:1081"), 1).bytes()) == DiagOutcome::kNobody);
  CHECK(outcome(Kernel(at("[::1]:8080"), at("[::1]:1080"), 1).bytes()) == DiagOutcome::kNobody);
  for (const int state :
       {TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING}) {
    auto held = good;
    held.found.idiag_state = static_cast<std::uint8_t>(state);
    CHECK(outcome(held.bytes()) == DiagOutcome::kOwner);
    held.found.idiag_inode = 0;
    CHECK(outcome(held.bytes()) == DiagOutcome::kNobody);
  }
  for (const int state : {int{TCP_LISTEN}, int{TCP_TIME_WAIT}, int{TCP_SYN_SENT}, int{TCP_SYN_RECV},
                          int{TCP_CLOSE}, 0, 99}) {
    auto other = good;
    other.found.idiag_state = static_cast<std::uint8_t>(state);
    CHECK(outcome(other.bytes()) == DiagOutcome::kNobody);
  }
  // An IPv6 socket that is connected to an IPv4 address shows both addresses as ::ffff:….
  auto mapped = Kernel(at("[::1]:8080"), at("[::1]:1080"), 1002);
  std::memcpy(mapped.found.id.idiag_src, client.address.bytes.data(), 16);
  std::memcpy(mapped.found.id.idiag_dst, server.address.bytes.data(), 16);
  CHECK(parse_diag_answer(mapped.bytes(), question).uid == 1002);

  CHECK(outcome(kernel_error(ENOENT)) == DiagOutcome::kNobody);
  CHECK(outcome(kernel_error(EPERM)) == DiagOutcome::kRefused);
  CHECK(outcome(kernel_error(EOPNOTSUPP)) == DiagOutcome::kRefused);
  for (std::size_t cut = 0; cut < good.bytes().size(); ++cut) {
    CHECK(outcome(to_bytes(ByteView(good.bytes()).first(cut))) == DiagOutcome::kRefused);
  }
}

TEST_CASE("owner: the real kernel names the owner of each kind of connection") {
  const auto v4 = at("127.0.0.1:0");
  const auto v6 = at("[::1]:0");
  for (const auto& sources : both_sources()) {
    INFO("ask_kernel " << sources.ask_kernel);
    OwnerFinder finder(sources);
    for (const auto& address : {v4, v6}) {
      INFO(format(address));
      Pair pair(address, address);
      CHECK(find_one(finder, pair.question()) == ::geteuid());
      auto other = pair.question();
      other.client.port = static_cast<std::uint16_t>(other.client.port ^ 1U);
      CHECK_FALSE(find_one(finder, other));
      const auto turned = SocketQuestion{Transport::kTcp, pair.server, at("127.0.0.1:1")};
      CHECK_FALSE(find_one(finder, turned));  // a listener is no client
      pair.send_fin();                        // FIN_WAIT
      CHECK(find_one(finder, pair.question()) == ::geteuid());
      pair.server_sends_fin();
      pair.close_client();
      CHECK_FALSE(find_one(finder, pair.question()));
    }
    Pair closing(v4, v4);
    closing.server_sends_fin();  // CLOSE_WAIT at the client
    CHECK(find_one(finder, closing.question()) == ::geteuid());
    CHECK((finder.counters().asked > 0) == sources.ask_kernel);
  }
}

TEST_CASE("owner: a client that is bound to the loopback interface is found") {
  Pair pair(at("127.0.0.1:0"), at("127.0.0.1:0"));
  if (::setsockopt(pair.client_descriptor(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0) {
    WARN("this user may not bind to an interface");
    return;
  }
  OwnerFinder finder;
  CHECK(find_one(finder, pair.question()) == ::geteuid());
}

TEST_CASE("owner: the kernel's no counts once it has named somebody; no table is read then") {
  OwnerFinder finder;
  Pair pair(at("127.0.0.1:0"), at("127.0.0.1:0"));
  auto unknown = pair.question();
  unknown.client.port = static_cast<std::uint16_t>(unknown.client.port ^ 1U);
  CHECK_FALSE(find_one(finder, unknown));
  CHECK(finder.counters().tables == 2);  // the kernel module may be missing, so the tables decide
  CHECK(find_one(finder, pair.question()) == ::geteuid());
  CHECK_FALSE(find_one(finder, unknown));
  CHECK(finder.counters().tables == 2);
}

TEST_CASE("owner: where the kernel refuses, a batch reads each table once") {
  OwnerFinder finder({false, "/proc/net"});
  Pair first(at("127.0.0.1:0"), at("127.0.0.1:0"));
  Pair second(at("[::1]:0"), at("[::1]:0"));
  const std::vector<SocketQuestion> questions = {first.question(), second.question(),
                                                 first.question()};
  CHECK(finder.find(questions) == Uids(3, ::geteuid()));
  CHECK(finder.counters().tables == 2);
  CHECK(finder.counters().asked == 0);
}

TEST_CASE("owner: without the kernel and without tables nobody is served") {
  OwnerFinder finder({false, "/nonexistent"});
  Pair pair(at("127.0.0.1:0"), at("127.0.0.1:0"));
  CHECK_FALSE(find_one(finder, pair.question()));
}

TEST_CASE("owner: root and the owner are served, nobody else") {
  const OwnerRule rule(1001, std::nullopt);
  CHECK(rule.serves(0U));
  CHECK(rule.serves(1001U));
  CHECK_FALSE(rule.serves(1002U));
  CHECK_FALSE(rule.serves(std::nullopt));
  // In a user namespace 65534 stands for all users outside, whoever runs the agent.
  const OwnerRule contained(65534, 65534U);
  CHECK_FALSE(contained.serves(65534U));
  CHECK(contained.serves(0U));
}

TEST_CASE("owners: answers come from the loop, also for a burst, and end with the check") {
  for (const auto& sources : both_sources()) {
    runtime::Loop loop;
    auto owners = Owners::start(loop, ::geteuid(), sources);
    REQUIRE(owners);
    Pair pair(at("127.0.0.1:0"), at("127.0.0.1:0"));
    auto stranger = pair.question();
    stranger.client.port = static_cast<std::uint16_t>(stranger.client.port ^ 1U);
    std::size_t served = 0, refused = 0;
    constexpr std::size_t kBurst = 200;
    for (std::size_t i = 0; i < kBurst; ++i) {
      (*owners)->ask(pair.question(), [&](bool yes) { ++(yes ? served : refused); });
      (*owners)->ask(stranger, [&](bool yes) { ++(yes ? served : refused); });
    }
    CHECK(served + refused == 0);  // no answer from inside the call
    REQUIRE(loop.run_until([&] { return served + refused == 2 * kBurst; }, kPatience));
    CHECK(served == kBurst);
    (*owners)->ask(pair.question(), [&](bool) { FAIL("answered after its end"); });
    owners->reset();
    bool passed = false;
    loop.post([&] { passed = true; });
    CHECK(loop.run_until([&] { return passed; }, kPatience));
  }
}
