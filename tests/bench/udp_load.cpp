// Sends UDP packets at a rate, and counts the packets that arrive, also above iperf3's limit of
// about 100,000 a second. One system call sends kBatch packets; the sender follows the clock.
//
//   culvert_udp_load send ADDRESS PORT BYTES PER-SECOND SECONDS   → packets sent
//   culvert_udp_load sink ADDRESS PORT SECONDS                    → packets received
//
// The sink begins to count with the first packet and ends SECONDS after the first packet.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kBatch = 64;
constexpr int kBuffer = 8 << 20;

sockaddr_in address_of(const char* host, const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, host, &out.sin_addr) != 1) {
    std::fprintf(stderr, "no IPv4 address: %s\n", host);
    std::exit(2);
  }
  return out;
}

int socket_with_buffers() {
  const int out = ::socket(AF_INET, SOCK_DGRAM, 0);
  ::setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer);
  ::setsockopt(out, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
  return out;
}

struct Batch {
  explicit Batch(std::size_t size) : memory(kBatch * size) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {memory.data() + i * size, size};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::vector<char> memory;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> headers{};
};

int send(char** words) {
  const auto to = address_of(words[0], words[1]);
  Batch batch(static_cast<std::size_t>(std::atoi(words[2])));
  const double rate = std::atof(words[3]);
  const std::chrono::duration<double> length(std::atof(words[4]));
  const int socket = socket_with_buffers();
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return 1;
  const auto start = Clock::now();
  unsigned long sent = 0;
  for (;;) {
    const auto elapsed = Clock::now() - start;
    if (elapsed >= length) break;
    const double due = rate * std::chrono::duration<double>(elapsed).count();
    if (static_cast<double>(sent) + 1 > due) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    const auto count = std::min<double>(kBatch, due - static_cast<double>(sent));
    const int done = ::sendmmsg(socket, batch.headers.data(), static_cast<unsigned>(count), 0);
    sent += done > 0 ? static_cast<unsigned long>(done) : static_cast<unsigned long>(count);
  }
  std::printf("%lu\n", sent);
  return 0;
}

int sink(char** words) {
  const auto at = address_of(words[0], words[1]);
  const std::chrono::duration<double> length(std::atof(words[2]));
  Batch batch(2048);
  const int socket = socket_with_buffers();
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) return 1;
  std::printf("ready\n");
  std::fflush(stdout);
  unsigned long received = 0;
  pollfd waiting{socket, POLLIN, 0};
  Clock::time_point end{};
  for (;;) {
    const auto now = Clock::now();
    if (received > 0 && now >= end) break;
    if (::poll(&waiting, 1, received > 0 ? 10 : 20'000) <= 0) {
      if (received > 0) continue;
      break;  // no packet ever came
    }
    const int count = ::recvmmsg(socket, batch.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) continue;
    if (received == 0) end = now + std::chrono::duration_cast<Clock::duration>(length);
    received += static_cast<unsigned long>(count);
  }
  std::printf("%lu\n", received);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 7) return send(argv + 2);
  if (mode == "sink" && argc == 5) return sink(argv + 2);
  std::fprintf(stderr,
               "udp_load send ADDRESS PORT BYTES RATE SECONDS | sink ADDRESS PORT SECONDS\n");
  return 2;
}
