// Sends datagrams to a WireGuard port at a rate, as any stranger may. The datagrams are made in
// advance and sent in batches, so that the sender takes little processor time from the measured
// program.
//
//   culvert_flood garbage            ADDRESS PORT RATE SECONDS   random bytes of random lengths
//   culvert_flood initiations:KEY    …   right mac1 for that public key (base64), unknown peers
//   culvert_flood replay:FILE        …   the datagram in that file
//
// Prints the number of sent datagrams.
#include <arpa/inet.h>
#include <sodium.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proto/wireguard/cookie.hpp"
#include "proto/wireguard/handshake.hpp"

using namespace culvert;

namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kBatch = 64;
constexpr std::size_t kMade = 2048;  // number of different datagrams, sent in turn
constexpr int kBuffer = 8 << 20;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "culvert_flood: %s\n", why.c_str());
  std::exit(2);
}

std::vector<Bytes> garbage(Rng& rng) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < kMade; ++i) {
    out.emplace_back(1 + rng.below(1400));
    rng.fill(out.back());
    // Half of the datagrams have a right type and size; the rest of their content is wrong.
    const auto type = static_cast<std::uint8_t>(1 + i % 8);
    if (type > 4) continue;
    constexpr std::array<std::size_t, 5> kSizes = {
        0, wireguard::kInitiationSize, wireguard::kResponseSize, wireguard::kCookieReplySize, 1360};
    out.back().resize(kSizes.at(type));
    rng.fill(out.back());
    const std::array<std::uint8_t, 4> begin = {type, 0, 0, 0};
    std::copy(begin.begin(), begin.end(), out.back().begin());
  }
  return out;
}

std::vector<Bytes> initiations(Rng& rng, const std::string& base64) {
  crypto::WireGuardKey key;
  std::array<std::uint8_t, 32> raw{};
  if (sodium_base642bin(raw.data(), raw.size(), base64.c_str(), base64.size(), nullptr, nullptr,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    give_up("no key: " + base64);
  }
  key = crypto::WireGuardKey{raw};
  std::vector<Bytes> out;
  wireguard::CookieJar jar(key);
  for (std::size_t i = 0; i < kMade; ++i) {
    const auto nobody = wireguard::Identity::generate(rng);
    const auto keys = wireguard::PeerKeys::make(nobody, key);
    if (!keys) give_up("a useless key: " + base64);
    wireguard::Initiation message;
    if (!wireguard::initiate(nobody, *keys, {}, rng, message)) continue;
    message.sender = wireguard::SessionIndex(static_cast<std::uint32_t>(i));
    out.emplace_back(wireguard::kInitiationSize);
    wireguard::encode(message, out.back());
    jar.add_macs({}, out.back());
  }
  return out;
}

std::vector<Bytes> replay(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes one{std::istreambuf_iterator<char>(file), {}};
  if (one.empty()) give_up("nothing in " + path);
  return {kBatch, one};
}

std::vector<Bytes> made(Rng& rng, const std::string& what) {
  const auto colon = what.find(':');
  const auto kind = what.substr(0, colon);
  const auto with = colon == std::string::npos ? std::string() : what.substr(colon + 1);
  if (kind == "garbage") return garbage(rng);
  if (kind == "initiations") return initiations(rng, with);
  if (kind == "replay") return replay(with);
  give_up("garbage, initiations:KEY or replay:FILE, not " + what);
}

int socket_to(const char* host, const char* port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  const int out = ::socket(AF_INET, SOCK_DGRAM, 0);
  ::setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer);
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
      ::connect(out, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    give_up(std::string("cannot send to ") + host);
  }
  return out;
}

unsigned long send(int socket, std::vector<Bytes>& datagrams, double rate, double seconds) {
  std::vector<iovec> vectors;
  for (auto& each : datagrams) vectors.push_back({each.data(), each.size()});
  std::vector<mmsghdr> headers(vectors.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const auto start = Clock::now();
  unsigned long sent = 0;
  for (;;) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (elapsed >= seconds) return sent;
    const double due = rate * elapsed - static_cast<double>(sent);
    if (due < kBatch) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    const std::size_t at = sent % headers.size();
    const auto count = std::min<std::size_t>(kBatch, headers.size() - at);
    const int done = ::sendmmsg(socket, &headers[at], static_cast<unsigned>(count), 0);
    sent += done > 0 ? static_cast<unsigned long>(done) : count;  // refused datagrams count as sent
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) give_up("KIND ADDRESS PORT RATE SECONDS");
  crypto::SystemRng rng;
  auto datagrams = made(rng, argv[1]);
  const int socket = socket_to(argv[2], argv[3]);
  std::printf("ready\n");
  std::fflush(stdout);
  std::printf("%lu\n", send(socket, datagrams, std::atof(argv[4]), std::atof(argv[5])));
  return 0;
}
