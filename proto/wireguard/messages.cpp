#include "proto/wireguard/messages.hpp"

#include <cstdlib>

namespace culvert::wireguard {
namespace {

void require_size(std::size_t size, std::size_t wanted) {
  if (size != wanted) std::abort();
}

// Reads a message from front to back. message_type() has already checked the size.
class Cursor {
 public:
  explicit Cursor(const std::uint8_t* at) : at_(at) {}
  template <class T>
  T le() {
    const T value = load_le<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  SessionIndex index() { return SessionIndex(le<std::uint32_t>()); }
  template <std::size_t N>
  void bytes(std::array<std::uint8_t, N>& out) {
    std::memcpy(out.data(), at_, N);
    at_ += N;
  }

 private:
  const std::uint8_t* at_;
};

class Pen {
 public:
  Pen(MutableByteView out, MessageType type) : at_(out.data()) {
    std::memset(out.data(), 0, out.size());
    le(static_cast<std::uint32_t>(type));
  }
  template <class T>
  Pen& le(T value) {
    store_le(at_, value);
    at_ += sizeof(T);
    return *this;
  }
  Pen& bytes(ByteView raw) {
    std::memcpy(at_, raw.data(), raw.size());
    at_ += raw.size();
    return *this;
  }

 private:
  std::uint8_t* at_;
};

}  // namespace

std::optional<MessageType> message_type(ByteView datagram) {
  if (datagram.size() < kTransportOverhead) return std::nullopt;
  switch (load_le<std::uint32_t>(datagram.data())) {
    case 1:
      if (datagram.size() == kInitiationSize) return MessageType::kInitiation;
      return std::nullopt;
    case 2:
      if (datagram.size() == kResponseSize) return MessageType::kResponse;
      return std::nullopt;
    case 3:
      if (datagram.size() == kCookieReplySize) return MessageType::kCookieReply;
      return std::nullopt;
    case 4:
      return MessageType::kTransport;
    default:
      return std::nullopt;
  }
}

Initiation decode_initiation(ByteView datagram) {
  require_size(datagram.size(), kInitiationSize);
  Cursor in(datagram.data() + 4);
  Initiation out;
  out.sender = in.index();
  in.bytes(out.ephemeral);
  in.bytes(out.sealed_static);
  in.bytes(out.sealed_timestamp);
  return out;
}

Response decode_response(ByteView datagram) {
  require_size(datagram.size(), kResponseSize);
  Cursor in(datagram.data() + 4);
  Response out;
  out.sender = in.index();
  out.receiver = in.index();
  in.bytes(out.ephemeral);
  in.bytes(out.sealed_empty);
  return out;
}

CookieReply decode_cookie_reply(ByteView datagram) {
  require_size(datagram.size(), kCookieReplySize);
  Cursor in(datagram.data() + 4);
  CookieReply out;
  out.receiver = in.index();
  in.bytes(out.nonce);
  in.bytes(out.sealed_cookie);
  return out;
}

TransportHeader decode_transport(ByteView datagram) {
  if (datagram.size() < kTransportOverhead) std::abort();
  Cursor in(datagram.data() + 4);
  TransportHeader out;
  out.receiver = in.index();
  out.counter = in.le<std::uint64_t>();
  return out;
}

void encode(const Initiation& message, MutableByteView out) {
  require_size(out.size(), kInitiationSize);
  Pen(out, MessageType::kInitiation)
      .le(message.sender.value)
      .bytes(message.ephemeral)
      .bytes(message.sealed_static)
      .bytes(message.sealed_timestamp);
}

void encode(const Response& message, MutableByteView out) {
  require_size(out.size(), kResponseSize);
  Pen(out, MessageType::kResponse)
      .le(message.sender.value)
      .le(message.receiver.value)
      .bytes(message.ephemeral)
      .bytes(message.sealed_empty);
}

void encode(const CookieReply& message, MutableByteView out) {
  require_size(out.size(), kCookieReplySize);
  Pen(out, MessageType::kCookieReply)
      .le(message.receiver.value)
      .bytes(message.nonce)
      .bytes(message.sealed_cookie);
}

void encode(const TransportHeader& message, MutableByteView out) {
  require_size(out.size(), kTransportHeaderSize);
  Pen(out, MessageType::kTransport).le(message.receiver.value).le(message.counter);
}

}  // namespace culvert::wireguard
