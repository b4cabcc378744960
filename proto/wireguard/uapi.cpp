#include "proto/wireguard/uapi.hpp"

#include "proto/core/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace culvert::wireguard::uapi {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number out{};
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, out);
  if (error != std::errc{} || end != last) return std::nullopt;
  return out;
}

// Parses 64 hex digits of either case into `out`, and leaves no copy of a secret elsewhere.
bool parse_key(std::string_view text, MutableByteView out) {
  if (text.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = hex_digit(text[2 * i]);
    const auto low = hex_digit(text[2 * i + 1]);
    if (!high || !low) return false;
    out[i] = static_cast<std::uint8_t>(*high << 4U | *low);
  }
  return true;
}

Errno invalid_unless(bool right) { return right ? Errno::kNone : Errno::kInvalid; }

template <class Number>
Errno set_number(std::optional<Number>& to, std::string_view value) {
  to = parse_number<Number>(value);
  return invalid_unless(to.has_value());
}
Errno set_secret(std::optional<crypto::Secret32>& to, std::string_view value) {
  to.emplace();
  return invalid_unless(parse_key(value, to->writable()));
}
// A flag can only be set: every value except "true" is an error.
Errno set_flag(bool& to, std::string_view value) {
  to = true;
  return invalid_unless(value == "true");
}

Errno device_line(SetRequest& set, std::string_view key, std::string_view value) {
  if (key == "private_key") return set_secret(set.private_key, value);
  if (key == "listen_port") return set_number(set.listen_port, value);
  if (key == "fwmark") return set_number(set.fwmark, value);
  if (key == "replace_peers") return set_flag(set.replace_peers, value);
  return Errno::kInvalid;
}

Errno allowed_ip_line(PeerChange& peer, std::string_view value) {
  const bool remove = value.starts_with('-');
  if (remove) value.remove_prefix(1);
  if (value.find('/') == std::string_view::npos) return Errno::kInvalid;
  const auto prefix = parse_prefix(value);
  if (!prefix) return Errno::kInvalid;
  peer.allowed_ips.push_back({*prefix, remove});
  return Errno::kNone;
}

Errno peer_line(PeerChange& peer, std::string_view key, std::string_view value) {
  if (key == "allowed_ip") return allowed_ip_line(peer, value);
  if (key == "preshared_key") return set_secret(peer.preshared_key, value);
  if (key == "endpoint") {
    peer.endpoint = parse_endpoint(value);
    return invalid_unless(peer.endpoint.has_value());
  }
  if (key == "persistent_keepalive_interval") {
    const auto seconds = parse_number<std::uint16_t>(value);
    if (seconds) peer.persistent_keepalive = std::chrono::seconds(*seconds);
    return invalid_unless(seconds.has_value());
  }
  if (key == "replace_allowed_ips") return set_flag(peer.replace_allowed_ips, value);
  if (key == "remove") return set_flag(peer.remove, value);
  if (key == "update_only") return set_flag(peer.update_only, value);
  if (key == "protocol_version") return invalid_unless(value == "1");
  return Errno::kInvalid;
}

}  // namespace

std::optional<Request> RequestReader::read(ByteView& bytes) {
  while (!bytes.empty()) {
    const auto end = std::find(bytes.begin(), bytes.end(), '\n');
    const auto size = static_cast<std::size_t>(end - bytes.begin());
    const auto kept = std::min(size, kMaxLine - std::min(line_size_, kMaxLine));
    std::copy_n(bytes.begin(), kept, line_.begin() + static_cast<std::ptrdiff_t>(line_size_));
    line_size_ = std::min(line_size_ + size, kMaxLine + 1);
    request_size_ += size;
    bytes = bytes.subspan(size);
    if (bytes.empty()) break;
    bytes = bytes.subspan(1);
    ++request_size_;
    auto request = end_line();
    crypto::wipe(line_);
    line_size_ = 0;
    if (request) return request;
  }
  return std::nullopt;
}

std::optional<Request> RequestReader::end_line() {
  const bool whole = line_size_ <= kMaxLine;
  auto line = text(ByteView(line_).first(whole ? line_size_ : 0));
  if (in_ == In::kNothing) return operation(line);
  if (in_ == In::kGet) {
    in_ = In::kNothing;
    if (!whole || !line.empty()) return Refused{};
    return GetRequest{};
  }
  if (whole && line.ends_with('\r')) line.remove_suffix(1);
  if (whole && line.empty()) return finish();
  if (error_ != Errno::kNone) return std::nullopt;
  if (request_size_ > kMaxRequest) {
    error_ = Errno::kTooLong;
  } else {
    error_ = whole ? set_line(line) : Errno::kInvalid;
  }
  if (error_ != Errno::kNone) set_ = {};  // wipes the request's keys at once
  return std::nullopt;
}

std::optional<Request> RequestReader::operation(std::string_view line) {
  request_size_ = 0;
  if (line == "get=1") {
    in_ = In::kGet;
  } else if (line == "set=1") {
    in_ = In::kSet;
  } else {
    return HangUp{};
  }
  return std::nullopt;
}

Request RequestReader::finish() {
  in_ = In::kNothing;
  const auto error = std::exchange(error_, Errno::kNone);
  if (error != Errno::kNone) return Refused{error};
  return std::exchange(set_, {});
}

Errno RequestReader::set_line(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return Errno::kProtocol;
  const auto key = line.substr(0, equals);
  const auto value = line.substr(equals + 1);
  if (key == "public_key") {
    auto& peer = set_.peers.emplace_back();
    return invalid_unless(parse_key(value, peer.public_key.bytes));
  }
  if (set_.peers.empty()) return device_line(set_, key, value);
  return peer_line(set_.peers.back(), key, value);
}

namespace {

Errno add_peer(Device& device, Now now, PeerChange& change) {
  PeerConfig config;
  config.public_key = change.public_key;
  config.preshared_key = std::move(change.preshared_key);
  config.endpoint = change.endpoint;
  config.persistent_keepalive = change.persistent_keepalive.value_or(Duration{});
  for (const auto& each : change.allowed_ips) {
    if (!each.remove) config.allowed_ips.push_back(each.prefix);
  }
  return invalid_unless(device.add_peer(now, std::move(config)).has_value());
}

void change_peer(Device& device, Now now, PeerChange& change) {
  const auto& key = change.public_key;
  if (change.preshared_key) device.set_preshared_key(key, std::move(change.preshared_key));
  if (change.endpoint) device.set_endpoint(key, *change.endpoint);
  if (change.persistent_keepalive) {
    device.set_persistent_keepalive(now, key, *change.persistent_keepalive);
  }
  if (change.replace_allowed_ips) device.set_allowed_ips(key, {});
  for (const auto& each : change.allowed_ips) {
    if (each.remove) {
      device.remove_allowed_ip(key, each.prefix);
    } else {
      device.add_allowed_ip(key, each.prefix);
    }
  }
}

// Appends "key=value\n".
class Lines {
 public:
  explicit Lines(std::size_t most) { out_.reserve(most); }

  void add(std::string_view key, std::string_view value) {
    append(out_, view(key));
    out_.push_back('=');
    append(out_, view(value));
    out_.push_back('\n');
  }
  template <class Number>
  requires std::integral<Number>
  void add(std::string_view key, Number value) { add(key, std::to_string(value)); }
  // Appends digit by digit, so that no other memory has a copy of a secret.
  void add_key(std::string_view key, ByteView value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    append(out_, view(key));
    out_.push_back('=');
    for (const auto byte : value) {
      out_.push_back(static_cast<std::uint8_t>(kDigits[byte >> 4U]));
      out_.push_back(static_cast<std::uint8_t>(kDigits[byte & 15U]));
    }
    out_.push_back('\n');
  }
  void end() { out_.push_back('\n'); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Upper bounds of the bytes that render_get() writes.
constexpr std::size_t kInterfaceBytes = 256;
constexpr std::size_t kPeerBytes = 512;
constexpr std::size_t kAllowedIpBytes = 64;

void render_peer(const PeerInfo& peer, const Device& device, Lines& out) {
  out.add_key("public_key", peer.public_key.view());
  out.add_key("preshared_key", device.preshared_key(peer.public_key).reveal());
  out.add("protocol_version", 1);
  if (peer.endpoint) out.add("endpoint", format(*peer.endpoint));
  out.add("last_handshake_time_sec", peer.last_handshake ? peer.last_handshake->wall.seconds : 0);
  out.add("last_handshake_time_nsec", 0);  // wall time counts whole seconds
  out.add("tx_bytes", peer.sent_bytes);
  out.add("rx_bytes", peer.received_bytes);
  const auto every = std::chrono::duration_cast<std::chrono::seconds>(peer.persistent_keepalive);
  out.add("persistent_keepalive_interval", every.count());
  for (const auto& prefix : peer.allowed_ips) out.add("allowed_ip", format(prefix));
}

}  // namespace

Errno apply_peers(Now now, Device& device, SetRequest& request) {
  if (request.replace_peers) {
    for (const auto& peer : device.peers()) device.remove_peer(peer.public_key);
  }
  for (auto& change : request.peers) {
    const auto& key = change.public_key;
    if (key == device.public_key()) continue;  // skips our own key, as wireguard-go does
    if (change.remove) {
      device.remove_peer(key);
    } else if (device.has_peer(key)) {
      change_peer(device, now, change);
    } else if (!change.update_only) {
      if (const auto error = add_peer(device, now, change); error != Errno::kNone) return error;
    }
  }
  return Errno::kNone;
}

Bytes render_get(const Device& device, const InterfaceView& interface) {
  const auto peers = device.peers();
  std::size_t most = kInterfaceBytes + peers.size() * kPeerBytes;
  for (const auto& peer : peers) most += peer.allowed_ips.size() * kAllowedIpBytes;
  Lines out(most);
  if (interface.private_key != nullptr) out.add_key("private_key", interface.private_key->reveal());
  if (interface.listen_port != 0) out.add("listen_port", interface.listen_port);
  if (interface.fwmark != 0) out.add("fwmark", interface.fwmark);
  for (const auto& peer : peers) render_peer(peer, device, out);
  out.add("errno", 0);
  out.end();
  return out.take();
}

Bytes render_errno(Errno error) {
  Lines out(16);
  out.add("errno", -static_cast<int>(error));
  out.end();
  return out.take();
}

}  // namespace culvert::wireguard::uapi
