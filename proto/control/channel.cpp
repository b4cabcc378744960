#include "proto/control/channel.hpp"

#include <algorithm>

#include "proto/core/overloaded.hpp"

namespace culvert::control {
namespace {

constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kMaxChunk = kMaxRecord - noise::kTagSize;

}  // namespace

Channel::Channel(Handshake handshake) : handshake_(std::move(handshake)) {}

Channel Channel::initiator(noise::KeyPair own, const crypto::ControlKey& coordinator, Rng& rng) {
  Channel channel(noise::Initiator(view(kPrologue), std::move(own), coordinator,
                                   noise::KeyPair::generate(rng)));
  channel.peer_ = coordinator;
  return channel;
}

Channel Channel::responder(noise::KeyPair own, Rng& rng) {
  return Channel(noise::Responder(view(kPrologue), std::move(own), noise::KeyPair::generate(rng)));
}

Result<Bytes> Channel::start() {
  auto* initiator = std::get_if<noise::Initiator>(&handshake_);
  if (initiator == nullptr) return fail(ErrorCode::kInternal, "control channel: not the initiator");
  return initiator->write_first({});
}

Result<Channel::Received> Channel::receive(ByteView record) {
  if (dead_) return fail(ErrorCode::kInvalid, "control channel: record after an error");
  auto received = [&]() -> Result<Received> {
    if (record.size() > kMaxRecord) {
      return fail(ErrorCode::kInvalid, "control channel: record is too long");
    }
    if (!ready_) return receive_handshake(record);
    auto chunk = receiving_.open({}, record);
    if (!chunk) return fail(ErrorCode::kUnverified, "control channel: record is not genuine");
    proven_ = true;
    return receive_chunk(*std::move(chunk));
  }();
  dead_ = !received.has_value();
  return received;
}

Result<Channel::Received> Channel::receive_handshake(ByteView record) {
  return std::visit(
      overloaded{[&](noise::Initiator& initiator) { return finish(initiator, record); },
                 [&](noise::Responder& responder) { return answer(responder, record); },
                 [](std::monostate) -> Result<Received> {
                   return fail(ErrorCode::kInternal, "control channel: no handshake");
                 }},
      handshake_);
}

// `initiator` is in handshake_, so become_ready() destroys it.
Result<Channel::Received> Channel::finish(noise::Initiator& initiator, ByteView record) {
  auto payload = initiator.read_second(record);
  if (!payload) return fail_with(payload.error());
  hash_ = initiator.hash();
  auto [sending, receiving] = initiator.split();
  become_ready(std::move(sending), std::move(receiving));
  proven_ = true;  // the answer used this channel's fresh ephemeral key
  return Received{};
}

// `responder` is in handshake_, so become_ready() destroys it.
Result<Channel::Received> Channel::answer(noise::Responder& responder, ByteView record) {
  auto payload = responder.read_first(record);
  if (!payload) return fail_with(payload.error());
  auto second = responder.write_second({});
  if (!second) return fail_with(second.error());
  Received received;
  received.answer = *std::move(second);
  peer_ = responder.peer();
  hash_ = responder.hash();
  auto [receiving, sending] = responder.split();
  become_ready(std::move(sending), std::move(receiving));
  return received;
}

void Channel::become_ready(noise::CipherState sending, noise::CipherState receiving) {
  sending_ = std::move(sending);
  receiving_ = std::move(receiving);
  handshake_ = std::monostate{};  // wipes the ephemeral secret and the copy of the static one
  ready_ = true;
}

Result<Channel::Received> Channel::receive_chunk(Bytes chunk) {
  ByteView bytes = chunk;
  if (expected_ == 0) {
    Reader reader(bytes);
    const auto length = reader.be<std::uint32_t>();
    if (!reader.ok() || length == 0 || length > longest_) {
      return fail(ErrorCode::kInvalid, "control channel: message length is out of bounds");
    }
    expected_ = length;
    bytes = reader.rest();
  }
  // An empty chunk would cost work and bring nothing.
  if (bytes.empty() || bytes.size() > expected_ - partial_.size()) {
    return fail(ErrorCode::kInvalid, "control channel: record does not fit its message");
  }
  partial_ += text(bytes);
  Received received;
  if (partial_.size() == expected_) {
    received.message = std::move(partial_);
    partial_.clear();
    expected_ = 0;
  }
  return received;
}

Result<std::vector<Bytes>> Channel::seal(std::string_view message) {
  if (!ready_ || dead_) return fail(ErrorCode::kUnavailable, "control channel: not ready");
  if (message.empty() || message.size() > kMaxMessage) {
    return fail(ErrorCode::kExhausted, "control channel: message length is out of bounds");
  }
  Bytes framed;
  framed.reserve(kLengthSize + message.size());
  Writer(framed).be(static_cast<std::uint32_t>(message.size())).bytes(view(message));
  std::vector<Bytes> records;
  for (ByteView rest = framed; !rest.empty();) {
    if (sending_.exhausted()) return fail(ErrorCode::kExhausted, "control channel: used up");
    const auto chunk = rest.first(std::min(rest.size(), kMaxChunk));
    records.push_back(sending_.seal({}, chunk));
    rest = rest.subspan(chunk.size());
  }
  return records;
}

}  // namespace culvert::control
