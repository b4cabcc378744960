// A WireGuard peer for interop tests: one Device with one peer, a TUN interface and a UDP socket.
//
//   wireguard_test_peer tun=NAME listen=PORT key=FILE peer=BASE64 [endpoint=ADDRESS:PORT]
//       [preshared=FILE] [allowed=PREFIX,…] [keepalive=SECONDS] [rekey-after=SECONDS]
//       [handshakes-per-second=N]
//
// Key files contain base64. The program prints "ready", then a line for each counter that changed.
// SIGUSR1 moves to a socket on another port. SIGTERM ends the program.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string>

#include "proto/wireguard/device.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

// Packets from one descriptor before the other descriptor's turn.
constexpr std::size_t kBatch = 64;
constexpr std::size_t kBufferSize = 65'536;

[[noreturn]] void die(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

Now now() {
  timespec steady{};
  clock_gettime(CLOCK_BOOTTIME, &steady);
  return {Instant{steady.tv_sec * 1'000'000'000 + steady.tv_nsec}, WallTime{std::time(nullptr)}};
}

class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const auto split = word.find('=');
      if (split == std::string::npos) die("expected name=value: " + word);
      values_[word.substr(0, split)] = word.substr(split + 1);
    }
  }
  std::string get(const std::string& name, const std::string& fallback = "") const {
    const auto at = values_.find(name);
    return at == values_.end() ? fallback : at->second;
  }
  int number(const std::string& name, int fallback) const {
    const auto text = get(name);
    return text.empty() ? fallback : std::stoi(text);
  }

 private:
  std::map<std::string, std::string> values_;
};

Bytes key_bytes(const std::string& base64) {
  auto raw = from_base64(base64);
  if (!raw || raw->size() != 32) die("not a key");
  return *raw;
}

Bytes read_key(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) die(path);
  return key_bytes(line);
}

int open_tun(const std::string& name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) die(name);
  return fd;
}

// One socket for both families: IPv4 appears as ::ffff:a.b.c.d, the form of IpAddress too.
sockaddr_in6 to_socket_address(const Endpoint& endpoint) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(endpoint.port);
  std::copy(endpoint.address.bytes.begin(), endpoint.address.bytes.end(), out.sin6_addr.s6_addr);
  return out;
}
Endpoint from_socket_address(const sockaddr_in6& address) {
  Endpoint out;
  std::copy_n(address.sin6_addr.s6_addr, 16, out.address.bytes.begin());
  out.port = ntohs(address.sin6_port);
  return out;
}

int open_udp(int port) {
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto address = to_socket_address({{}, static_cast<std::uint16_t>(port)});
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    die("udp");
  }
  return fd;
}

class TestPeer {
 public:
  explicit TestPeer(const Arguments& arguments)
      : device_(Identity::from_secret(crypto::Secret32(read_key(arguments.get("key")))), rng_,
                options(arguments)),
        tun_(open_tun(arguments.get("tun"))),
        udp_(open_udp(arguments.number("listen", 0))),
        buffers_(kBatch, Bytes(kBufferSize)) {
    PeerConfig config;
    config.public_key = *crypto::WireGuardKey::from(key_bytes(arguments.get("peer")));
    if (const auto path = arguments.get("preshared"); !path.empty()) {
      config.preshared_key = crypto::Secret32(read_key(path));
    }
    if (const auto to = arguments.get("endpoint"); !to.empty()) {
      config.endpoint = parse_endpoint(to);
    }
    auto allowed = arguments.get("allowed") + ",";
    for (std::size_t comma = 0; (comma = allowed.find(',')) != std::string::npos;
         allowed.erase(0, comma + 1)) {
      if (const auto prefix = parse_prefix(allowed.substr(0, comma))) {
        config.allowed_ips.push_back(*prefix);
      }
    }
    config.persistent_keepalive = std::chrono::seconds(arguments.number("keepalive", 0));
    if (auto added = device_.add_peer(now(), std::move(config)); !added) die(added.error().message);
  }

  void run() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    std::puts("ready");
    for (;;) {
      std::fflush(stdout);
      std::array<pollfd, 3> waits = {
          {{tun_, POLLIN, 0}, {udp_, POLLIN, 0}, {signal_fd, POLLIN, 0}}};
      poll(waits.data(), waits.size(), timeout());
      if ((waits[2].revents & POLLIN) != 0) {
        signalfd_siginfo info{};
        if (read(signal_fd, &info, sizeof info) > 0 && info.ssi_signo == SIGTERM) return;
        close(udp_);
        udp_ = open_udp(0);
        continue;
      }
      if ((waits[0].revents & POLLIN) != 0) from_tun();
      if ((waits[1].revents & POLLIN) != 0) from_udp();
      if (device_.next_deadline() <= now().steady) device_.handle_timeout(now(), out_);
      flush();
    }
  }

 private:
  static DeviceOptions options(const Arguments& arguments) {
    DeviceOptions out;
    out.rekey_after_time = std::chrono::seconds(arguments.number("rekey-after", 120));
    out.handshakes_per_second =
        static_cast<std::uint32_t>(arguments.number("handshakes-per-second", 500));
    return out;
  }

  int timeout() const {
    const Instant next = device_.next_deadline();
    if (next == Instant::never()) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now().steady);
    return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
  }

  void from_tun() {
    std::vector<ByteView> packets;
    for (auto& buffer : buffers_) {
      const auto size = read(tun_, buffer.data(), buffer.size());
      if (size <= 0) break;
      packets.push_back(ByteView(buffer).first(static_cast<std::size_t>(size)));
    }
    device_.send(now(), packets, out_);
  }

  void from_udp() {
    std::vector<Datagram> datagrams;
    for (auto& buffer : buffers_) {
      sockaddr_in6 from{};
      socklen_t from_size = sizeof from;
      const auto size = recvfrom(udp_, buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
      if (size < 0) break;
      datagrams.push_back({UdpWay{from_socket_address(from)},
                           MutableByteView(buffer).first(static_cast<std::size_t>(size))});
    }
    device_.receive(now(), datagrams, out_);
  }

  void flush() {
    for (const auto& each : out_.packets) {
      // A full TUN, or one that is down, drops packets, as a network may.
      if (write(tun_, each.packet.data(), each.packet.size()) < 0) ++unwritten_;
    }
    for (const auto& each : out_.datagrams) {
      const auto to = to_socket_address(*endpoint_of(each.datagram.way));
      if (sendto(udp_, each.datagram.bytes.data(), each.datagram.bytes.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
        ++unwritten_;
      }
    }
    out_.clear();
    const auto& counters = device_.counters();
    report("sessions", counters.sessions);
    report("initiations", counters.initiations_sent);
    report("responses", counters.responses_sent);
    report("keepalives", counters.keepalives_received);
    report("cookies", counters.cookies_sent);
  }

  void report(const char* name, std::uint64_t value) {
    auto& last = reported_[name];
    if (last == value) return;
    last = value;
    std::printf("%s %llu\n", name, static_cast<unsigned long long>(value));
  }

  crypto::SystemRng rng_;
  Device device_;
  int tun_;
  int udp_;
  std::vector<Bytes> buffers_;
  Output out_;
  std::map<std::string, std::uint64_t> reported_;
  std::uint64_t unwritten_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  TestPeer peer{Arguments(argc, argv)};
  peer.run();
  return 0;
}
