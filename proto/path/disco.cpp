#include "proto/path/disco.hpp"

#include <algorithm>

namespace culvert::path {
namespace {

constexpr std::uint8_t kVersion = 0;
constexpr std::uint8_t kPing = 1;
constexpr std::uint8_t kPong = 2;
constexpr std::uint8_t kCallMeMaybe = 3;
constexpr std::size_t kEndpointSize = 16 + 2;
constexpr std::size_t kMaxPadding = kMaxDiscoMessage - kPingSize;

void write_endpoint(Writer& writer, const Endpoint& endpoint) {
  writer.bytes(endpoint.address.bytes).be(endpoint.port);
}

Endpoint read_endpoint(Reader& reader) {
  Endpoint endpoint;
  endpoint.address.bytes = reader.array<16>();
  endpoint.port = reader.be<std::uint16_t>();
  return endpoint;
}

struct Encoder {
  Bytes& out;

  void operator()(const Ping& ping) const {
    Writer(out).be(kPing).be(kVersion).bytes(ping.transaction.view()).bytes(ping.node.view());
    out.resize(out.size() + std::min(ping.padding, kMaxPadding));
  }
  void operator()(const Pong& pong) const {
    Writer writer(out);
    writer.be(kPong).be(kVersion).bytes(pong.transaction.view());
    write_endpoint(writer, pong.source);
  }
  void operator()(const CallMeMaybe& call) const {
    Writer writer(out);
    writer.be(kCallMeMaybe).be(kVersion);
    const auto count = std::min(call.endpoints.size(), kMaxCalledEndpoints);
    for (std::size_t i = 0; i < count; ++i) write_endpoint(writer, call.endpoints[i]);
  }
};

Result<DiscoMessage> decode_ping(Reader& reader) {
  Ping ping;
  ping.transaction.bytes = reader.array<12>();
  ping.node.bytes = reader.array<32>();
  if (!reader.ok()) return fail(ErrorCode::kInvalid, "disco: Ping cut short");
  ping.padding = reader.rest().size();
  return DiscoMessage{ping};
}

Result<DiscoMessage> decode_pong(Reader& reader) {
  Pong pong;
  pong.transaction.bytes = reader.array<12>();
  pong.source = read_endpoint(reader);
  if (!reader.ok()) return fail(ErrorCode::kInvalid, "disco: Pong cut short");
  return DiscoMessage{pong};
}

Result<DiscoMessage> decode_call(Reader& reader) {
  if (reader.rest().size() % kEndpointSize != 0) {
    return fail(ErrorCode::kInvalid, "disco: CallMeMaybe cut short");
  }
  CallMeMaybe call;
  while (!reader.done() && call.endpoints.size() < kMaxCalledEndpoints) {
    call.endpoints.push_back(read_endpoint(reader));
  }
  return DiscoMessage{std::move(call)};
}

}  // namespace

Bytes encode_disco(const DiscoMessage& message) {
  Bytes plain;
  std::visit(Encoder{plain}, message);
  return plain;
}

Result<DiscoMessage> decode_disco(ByteView plain) {
  Reader reader(plain);
  const auto type = reader.be<std::uint8_t>();
  const auto version = reader.be<std::uint8_t>();
  if (!reader.ok() || version != kVersion) {
    return fail(ErrorCode::kInvalid, "disco: unknown version");
  }
  switch (type) {
    case kPing:
      return decode_ping(reader);
    case kPong:
      return decode_pong(reader);
    case kCallMeMaybe:
      return decode_call(reader);
    default:
      return fail(ErrorCode::kInvalid, "disco: unknown type");
  }
}

bool is_disco(ByteView datagram) {
  return datagram.size() >= kDiscoHeaderSize + crypto::kBoxTagSize &&
         equal(datagram.first(kDiscoMagic.size()), kDiscoMagic);
}

crypto::DiscoKey disco_sender(ByteView datagram) {
  Reader reader(datagram.subspan(kDiscoMagic.size()));
  crypto::DiscoKey key;
  key.bytes = reader.array<32>();
  return key;
}

ByteView disco_nonce(ByteView datagram) {
  return datagram.subspan(kDiscoMagic.size() + crypto::DiscoKey::kSize, crypto::kBoxNonceSize);
}

Bytes seal_disco(const crypto::BoxKey& box, const crypto::DiscoKey& ours, Rng& rng,
                 const DiscoMessage& message) {
  const auto nonce = rng.array<crypto::kBoxNonceSize>();
  Bytes out;
  Writer(out).bytes(kDiscoMagic).bytes(ours.view()).bytes(nonce);
  append(out, box.seal(nonce, encode_disco(message)));
  return out;
}

Result<DiscoMessage> open_disco(const crypto::BoxKey& box, ByteView datagram) {
  if (!is_disco(datagram) || datagram.size() > kMaxDiscoMessage) {
    return fail(ErrorCode::kInvalid, "disco: not a disco message");
  }
  const auto plain = box.open(disco_nonce(datagram), datagram.subspan(kDiscoHeaderSize));
  if (!plain) return fail(ErrorCode::kUnverified, "disco: the box does not open");
  return decode_disco(*plain);
}

}  // namespace culvert::path
