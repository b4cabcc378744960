#include "agent/proxy/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proto/runtime/disk/files.hpp"

namespace culvert::proxy {
namespace {

constexpr std::uint32_t kLoopback = 1;  // the kernel's LOOPBACK_IFINDEX, in every network namespace
constexpr std::size_t kAnswerSize = 4096;

std::array<std::uint32_t, 4> words_of(const IpAddress& address) {
  std::array<std::uint32_t, 4> out{};
  const auto raw = address.raw();
  std::memcpy(out.data(), raw.data(), raw.size());
  return out;
}

// The address as an IpAddress, so that an IPv4 address is the same for an IPv4 and an IPv6 socket.
IpAddress address_of(std::uint8_t family, const std::uint32_t (&words)[4]) {
  std::array<std::uint8_t, 16> raw{};
  std::memcpy(raw.data(), words, raw.size());
  const ByteView all(raw);
  return *IpAddress::from(family == AF_INET ? all.first(4) : all);
}

// True for states in which a client's process still has its end open. A client that has sent its
// FIN is in FIN_WAIT and may still read the answer.
bool may_own(const inet_diag_msg& found, Transport transport) {
  if (found.idiag_inode == 0) return false;  // the process has closed the socket
  if (transport == Transport::kUdp) return true;
  switch (found.idiag_state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
      return true;
    default:
      return false;
  }
}

bool is_of(const inet_diag_msg& found, const SocketQuestion& question) {
  const Endpoint local{address_of(found.idiag_family, found.id.idiag_src),
                       ntohs(found.id.idiag_sport)};
  if (question.transport == Transport::kUdp) {  // bound to the client's address or to all addresses
    const bool any = local.address.is_unspecified() || local.address == IpAddress::v4(0, 0, 0, 0);
    return local.port == question.client.port && (any || local.address == question.client.address);
  }
  const Endpoint remote{address_of(found.idiag_family, found.id.idiag_dst),
                        ntohs(found.id.idiag_dport)};
  return local == question.client && remote == question.server;
}

}  // namespace

Bytes render_diag_request(const SocketQuestion& question, std::uint32_t interface) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  static_assert(sizeof message == sizeof(nlmsghdr) + sizeof(inet_diag_req_v2));
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST;
  const bool udp = question.transport == Transport::kUdp;
  auto& request = message.request;
  request.sdiag_family = question.client.address.is_v4() ? AF_INET : AF_INET6;
  request.sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
  // For a datagram the kernel looks up the receiver of an answer, so the source is the server.
  const auto& source = udp ? question.server : question.client;
  const auto& destination = udp ? question.client : question.server;
  std::memcpy(request.id.idiag_src, words_of(source.address).data(), 16);
  std::memcpy(request.id.idiag_dst, words_of(destination.address).data(), 16);
  request.id.idiag_sport = htons(source.port);
  request.id.idiag_dport = htons(destination.port);
  request.id.idiag_if = interface;
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  Bytes out(sizeof message);
  std::memcpy(out.data(), &message, sizeof message);
  return out;
}

DiagAnswer parse_diag_answer(ByteView message, const SocketQuestion& question) {
  nlmsghdr header{};
  if (message.size() < sizeof header) return {};
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > message.size()) return {};
  const auto body = message.first(header.nlmsg_len).subspan(sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR) {
    std::int32_t error = 0;
    if (body.size() < sizeof error) return {};
    std::memcpy(&error, body.data(), sizeof error);
    return {error == -ENOENT ? DiagOutcome::kNobody : DiagOutcome::kRefused, 0};
  }
  inet_diag_msg found{};
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || body.size() < sizeof found) return {};
  std::memcpy(&found, body.data(), sizeof found);
  if (!is_of(found, question) || !may_own(found, question.transport)) {
    return {DiagOutcome::kNobody, 0};
  }
  return {DiagOutcome::kOwner, found.idiag_uid};
}

Result<SocketDiag> SocketDiag::open() {
  const int made = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (made < 0) return fail_with(runtime::file_error("open", "NETLINK_SOCK_DIAG", errno));
  SocketDiag out(made);
  sockaddr_nl kernel{};  // after connect() only the kernel can send to this socket
  kernel.nl_family = AF_NETLINK;
  if (::connect(made, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) {
    return fail_with(runtime::file_error("open", "NETLINK_SOCK_DIAG", errno));
  }
  return out;
}

SocketDiag::~SocketDiag() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
SocketDiag::SocketDiag(SocketDiag&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}
SocketDiag& SocketDiag::operator=(SocketDiag&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

// Asks twice if necessary: the kernel finds a socket that is bound to an interface
// (SO_BINDTODEVICE) only in a question about that interface.
DiagAnswer SocketDiag::ask(const SocketQuestion& question) {
  const auto answer = ask(question, 0);
  return answer.outcome == DiagOutcome::kNobody ? ask(question, kLoopback) : answer;
}

DiagAnswer SocketDiag::ask(const SocketQuestion& question, std::uint32_t interface) {
  const auto request = render_diag_request(question, interface);
  if (::send(descriptor_, request.data(), request.size(), 0) < 0) return {};
  std::array<std::uint8_t, kAnswerSize> answer{};
  // The kernel has queued its answer when send() returns.
  const auto size = ::recv(descriptor_, answer.data(), answer.size(), MSG_DONTWAIT);
  if (size < 0) return {};
  return parse_diag_answer(ByteView(answer).first(static_cast<std::size_t>(size)), question);
}

}  // namespace culvert::proxy
