#include "proto/derp/client.hpp"

#include <algorithm>

namespace culvert::derp {
namespace {

constexpr PingData kNobodysPing{};  // a keepalive: no caller waits for the answer

}  // namespace

Client::Client(ClientOptions options, Rng& rng, Now now)
    : options_(std::move(options)), rng_(rng), dead_at_(now.steady + kLoginTimeout) {}

void Client::handle_bytes(Now now, ByteView bytes, ClientOutput& out) {
  if (state_ == State::kClosed) return;
  if (ready()) heard(now);
  const auto fed =
      reader_.feed(bytes, [&](const Frame& frame) { return handle_frame(now, frame, out); });
  if (!fed) close(fed.error(), out);
}

void Client::handle_timeout(Now now, ClientOutput& out) {
  if (now.steady < next_deadline()) return;
  if (now.steady >= dead_at_) {
    return close(
        {ErrorCode::kTimeout, ready() ? "the relay fell silent" : "the relay did not log us in"},
        out);
  }
  ping_at_ = now.steady + kKeepalive;
  write_frame(out.wire, FrameType::kPing, {kNobodysPing});
}

Instant Client::next_deadline() const {
  return state_ == State::kClosed ? Instant::never() : std::min(dead_at_, ping_at_);
}

void Client::heard(Now now) {
  dead_at_ = now.steady + kDeadAfter;
  ping_at_ = now.steady + kKeepalive;
}

bool Client::handle_frame(Now now, const Frame& frame, ClientOutput& out) {
  switch (state_) {
    case State::kGreeting:
      if (const auto sent = log_in(frame, out); !sent) close(sent.error(), out);
      break;
    case State::kLogin:
      if (frame.type == FrameType::kHealth) {  // the reason why the relay refuses the login
        out.events.emplace_back(HealthEvent{std::string(text(frame.payload))});
      } else if (frame.type != FrameType::kServerInfo) {
        close({ErrorCode::kInvalid, "the relay sent another frame than ServerInfo"}, out);
      } else if (auto info = open_server_info(frame.payload, options_.key, options_.relay); !info) {
        close(info.error(), out);
      } else {
        state_ = State::kReady;
        heard(now);
        out.events.emplace_back(Ready{*info});
      }
      break;
    case State::kReady:
      handle_ready_frame(now, frame, out);
      break;
    case State::kClosed:
      break;
  }
  return state_ != State::kClosed;
}

Status Client::log_in(const Frame& frame, ClientOutput& out) {
  const auto greeting =
      frame.type == FrameType::kServerKey ? read_server_key(frame.payload) : std::nullopt;
  if (!greeting) return fail(ErrorCode::kInvalid, "the relay's greeting is not DERP's ServerKey");
  if (greeting->relay != options_.relay) {
    return fail(ErrorCode::kUnverified, "the relay has another key than expected: " +
                                            crypto::format_x25519(greeting->relay.view()));
  }
  ClientInfo info;
  info.ticket = options_.ticket ? options_.ticket() : "";
  info.challenge = greeting->challenge;
  if (!info.ticket.empty() && !info.challenge) {
    return fail(ErrorCode::kUnverified, "the relay sent no challenge; it gets no ticket");
  }
  if (info.ticket.size() > kMaxTicketSize) {
    return fail(ErrorCode::kInvalid, "the relay ticket is too long");
  }
  const auto sealed = seal_client_info(info, options_.key, options_.relay, rng_);
  write_frame(out.wire, FrameType::kClientInfo, {sealed});
  state_ = State::kLogin;
  return {};
}

void Client::handle_ready_frame(Now now, const Frame& frame, ClientOutput& out) {
  switch (frame.type) {
    case FrameType::kRecvPacket: {
      const auto packet = read_packet(frame.payload);
      out.events.emplace_back(Received{packet.peer, out.packets.size(), packet.bytes.size()});
      append(out.packets, packet.bytes);
      break;
    }
    case FrameType::kPeerGone:
      out.events.emplace_back(read_peer_gone(frame.payload));
      break;
    case FrameType::kPing:
      write_frame(out.wire, FrameType::kPong, {frame.payload.first(sizeof(PingData))});
      break;
    case FrameType::kPong:
      if (ping_sent_ && equal(frame.payload.first(ping_data_.size()), ping_data_)) {
        out.events.emplace_back(PongEvent{now.steady - *ping_sent_});
        ping_sent_.reset();
      }
      break;
    case FrameType::kHealth:
      out.events.emplace_back(HealthEvent{std::string(text(frame.payload))});
      break;
    case FrameType::kRestarting:
      out.events.emplace_back(read_restarting(frame.payload));
      break;
    case FrameType::kServerKey:
    case FrameType::kServerInfo:
    case FrameType::kClientInfo:
      close({ErrorCode::kInvalid, "the relay sent a login frame after the login"}, out);
      break;
    case FrameType::kKeepAlive:
    case FrameType::kSendPacket:
    case FrameType::kNotePreferred:
    case FrameType::kPeerPresent:
    case FrameType::kForwardPacket:
    case FrameType::kWatchConns:
    case FrameType::kClosePeer:
    case FrameType::kTicket:
      break;  // needs no action, or is not for clients
  }
}

void Client::close(Error reason, ClientOutput& out) {
  state_ = State::kClosed;
  out.events.emplace_back(Closed{std::move(reason)});
}

void Client::renew_ticket(std::string_view ticket, ClientOutput& out) {
  if (!ready() || ticket.empty() || ticket.size() > kMaxTicketSize) return;
  write_frame(out.wire, FrameType::kTicket, {view(ticket)});
}

void Client::note_preferred(bool preferred, ClientOutput& out) {
  const std::array<std::uint8_t, 1> flag = {static_cast<std::uint8_t>(preferred ? 1 : 0)};
  if (ready()) write_frame(out.wire, FrameType::kNotePreferred, {flag});
}

void Client::ping(Now now, ClientOutput& out) {
  if (!ready()) return;
  ping_data_ = rng_.array<sizeof(PingData)>();
  ping_sent_ = now.steady;
  write_frame(out.wire, FrameType::kPing, {ping_data_});
}

}  // namespace culvert::derp
