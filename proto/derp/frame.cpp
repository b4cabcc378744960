#include "proto/derp/frame.hpp"

#include <algorithm>

#include "proto/core/check.hpp"

namespace culvert::derp {
namespace {

constexpr std::size_t kMaxControl =
    1'000;  // bytes of a short frame, with room for fields of later versions
constexpr std::size_t kMaxBox = 64 * 1024;  // ClientInfo and ServerInfo
constexpr std::size_t kKeptCapacity = 4 * 1024;

struct Header {
  std::size_t size = 0;
  bool known = false;
};

Result<Header> read_header(const std::uint8_t* raw) {
  const std::size_t size = load_be<std::uint32_t>(raw + 1);
  const auto bounds = payload_bounds(raw[0]);
  if (!bounds) {
    if (size > kMaxFrameSize) return fail(ErrorCode::kInvalid, "DERP frame above 1 MiB");
    return Header{size, false};
  }
  if (size < bounds->least || size > bounds->most) {
    return fail(ErrorCode::kInvalid, "DERP frame of type " + std::to_string(raw[0]) +
                                         " with a payload of " + std::to_string(size) + " bytes");
  }
  return Header{size, true};
}

Frame frame_at(ByteView whole) {
  return {static_cast<FrameType>(whole[0]), whole.subspan(kHeaderSize)};
}

}  // namespace

std::optional<PayloadBounds> payload_bounds(std::uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kServerKey:
      return PayloadBounds{kMagic.size() + kKeySize, 1024};
    case FrameType::kClientInfo:
      return PayloadBounds{kKeySize + 24 + 16, kMaxBox};
    case FrameType::kServerInfo:
      return PayloadBounds{24 + 16, kMaxBox};
    case FrameType::kSendPacket:
    case FrameType::kRecvPacket:
      return PayloadBounds{kKeySize, kKeySize + kMaxPacketSize};
    case FrameType::kForwardPacket:
      return PayloadBounds{2 * kKeySize, 2 * kKeySize + kMaxPacketSize};
    case FrameType::kKeepAlive:
    case FrameType::kWatchConns:
      return PayloadBounds{0, kMaxControl};
    case FrameType::kNotePreferred:
      return PayloadBounds{1, 1};
    case FrameType::kPeerGone:
    case FrameType::kPeerPresent:
    case FrameType::kClosePeer:
      return PayloadBounds{kKeySize, kMaxControl};
    case FrameType::kPing:
    case FrameType::kPong:
    case FrameType::kRestarting:
      return PayloadBounds{8, kMaxControl};
    case FrameType::kHealth:
      return PayloadBounds{0, 4 * 1024};
    case FrameType::kTicket:
      return PayloadBounds{1, kMaxTicketSize};
  }
  return std::nullopt;
}

Status FrameReader::feed(ByteView bytes, const std::function<bool(const Frame&)>& on_frame) {
  // Moves bytes into partial_; true when partial_ has `want` bytes.
  const auto gather = [&](std::size_t want) {
    const auto more = std::min(want - partial_.size(), bytes.size());
    append(partial_, bytes.first(more));
    bytes = bytes.subspan(more);
    return partial_.size() == want;
  };
  while (!bytes.empty()) {
    if (skip_ > 0) {
      const auto now = std::min(skip_, bytes.size());
      skip_ -= now;
      bytes = bytes.subspan(now);
      continue;
    }
    const bool direct = partial_.empty() && bytes.size() >= kHeaderSize;
    if (!direct && partial_.size() < kHeaderSize && !gather(kHeaderSize)) return {};
    const auto header = read_header(direct ? bytes.data() : partial_.data());
    if (!header) return fail_with(header.error());
    const auto type = static_cast<FrameType>(direct ? bytes.front() : partial_.front());
    if (only_ && header->known && type != *only_) {
      return fail(ErrorCode::kDenied, "a frame that is not taken yet");
    }
    const auto whole = kHeaderSize + header->size;
    if (!header->known) {
      if (direct) bytes = bytes.subspan(kHeaderSize);
      partial_.clear();
      skip_ = header->size;
      ++skipped_;
      continue;
    }
    if (direct && bytes.size() >= whole) {
      const auto frame = bytes.first(whole);
      bytes = bytes.subspan(whole);
      if (!on_frame(frame_at(frame))) return {};
      continue;
    }
    if (!gather(whole)) return {};
    if (!on_frame(frame_at(partial_))) return {};
    partial_.clear();
    if (partial_.capacity() > kKeptCapacity) partial_.shrink_to_fit();
  }
  return {};
}

void write_frame(Bytes& out, FrameType type, std::initializer_list<ByteView> parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  const auto bounds = payload_bounds(static_cast<std::uint8_t>(type));
  CULVERT_CHECK(bounds && size >= bounds->least && size <= bounds->most);
  Writer writer(out);
  writer.be(static_cast<std::uint8_t>(type)).be(static_cast<std::uint32_t>(size));
  for (const auto part : parts) writer.bytes(part);
}

}  // namespace culvert::derp
