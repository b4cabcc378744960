// Carries out the requests of `wg`, which change sockets and keys.
#include <utility>

#include "agent/wireguard/tunnel.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/runtime/loop/log.hpp"

namespace culvert::agent {
namespace log = runtime::log;
namespace uapi = wireguard::uapi;

runtime::UnixClient Tunnel::serve() {
  return [this, reader = std::make_shared<uapi::RequestReader>()](ByteView received) {
    runtime::UnixAnswer out;
    ByteView rest = received;
    auto request = reader->read(rest);
    out.used = received.size() - rest.size();
    if (!request) return out;
    out.hang_up = std::holds_alternative<uapi::HangUp>(*request);
    if (!out.hang_up) out.answer = answer(std::move(*request));
    return out;
  };
}

Bytes Tunnel::answer(uapi::Request request) {
  return std::visit(overloaded{
                        [this](const uapi::GetRequest&) { return answer_get(); },
                        [this](uapi::SetRequest& change) { return answer(set(change)); },
                        [this](const uapi::Refused& refused) { return answer(refused.error); },
                        [](const uapi::HangUp&) { return Bytes(); },
                    },
                    request);
}

Bytes Tunnel::answer_get() {
  mail_came(true);
  return uapi::render_get(device_, {private_key_ ? &*private_key_ : nullptr, port_, mark_});
}

Bytes Tunnel::answer(uapi::Errno error) {
  if (error != uapi::Errno::kNone) {
    log::error("configuration refused",
               {{"interface", name()}, {"errno", static_cast<int>(error)}});
  }
  return uapi::render_errno(error);
}

// First makes the changes that the system may refuse, so that a refusal leaves the rest unchanged.
uapi::Errno Tunnel::set(uapi::SetRequest& request) {
  if (request.listen_port && !set_port(*request.listen_port)) return uapi::Errno::kPortInUse;
  if (request.fwmark && !set_mark(*request.fwmark)) return uapi::Errno::kPortInUse;
  if (request.private_key) set_private_key(std::move(*request.private_key));
  const auto error = uapi::apply_peers(loop_.now(), device_, request);
  on_timer();  // sends keepalives that the request asked for, and sets the next deadline
  return error;
}

bool Tunnel::set_port(std::uint16_t port) {
  if (!up_) {
    port_ = port;
    return true;
  }
  if (port != 0 && port == port_ && udp_) return true;
  const auto opened = open_udp(port);
  if (opened) return true;
  log::error("no UDP socket", {{"interface", name()}, {"why", opened.error()}});
  return false;
}

// Opens a new socket. The old socket is used until the new one is open.
Status Tunnel::open_udp(std::uint16_t port) {
  auto udp = runtime::UdpSocket::open(
      loop_, {IpAddress{}, port}, [this](std::span<Datagram> datagrams) { from_udp(datagrams); },
      {.offloads = offloads_,
       .share = lanes_.empty() ? runtime::PortShare::kAlone : runtime::PortShare::kFirst});
  if (!udp) return fail_with(udp.error());
  if (mark_ != 0) {
    if (auto marked = (*udp)->set_mark(mark_); !marked) return marked;
  }
  if (auto opened = open_lane_sockets((*udp)->local_endpoint()); !opened) return opened;
  udp_ = std::move(*udp);
  port_ = udp_->local_endpoint().port;
  return {};
}

bool Tunnel::set_mark(std::uint32_t mark) {
  auto marked = udp_ ? udp_->set_mark(mark) : Status{};
  for (auto& lane : lanes_) {
    if (marked) marked = lane->set_mark(mark);
  }
  if (!marked) {
    log::error("no mark", {{"interface", name()}, {"why", marked.error()}});
    return false;
  }
  mark_ = mark;
  return true;
}

void Tunnel::set_private_key(crypto::Secret32 key) {
  for (auto& lane : lanes_) lane->set_working(!key.is_zero());
  if (key.is_zero()) {
    private_key_.reset();
    device_.set_identity(wireguard::Identity::generate(rng_));
    return;
  }
  auto identity = wireguard::Identity::from_secret(std::move(key));
  private_key_ = identity.secret.clone();
  device_.set_identity(std::move(identity));
}

}  // namespace culvert::agent
