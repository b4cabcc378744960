// The configuration protocol that `wg` speaks to a userspace WireGuard over a Unix socket
// (https://www.wireguard.com/xplatform/, "Configuration Protocol"): requests read, applied to a
// Device and answered, without the socket.
//
//   set=1 ⏎ key=value ⏎ … ⏎ ⏎   → errno=0 ⏎ ⏎
//   get=1 ⏎ ⏎                   → key=value ⏎ … errno=0 ⏎ ⏎
//
// A set request is read whole before it is applied: a malformed one changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/wireguard/device.hpp"

namespace culvert::wireguard::uapi {

// errno(3) numbers of Linux, those that wireguard-go gives; negative in an answer.
enum class Errno : int {
  kNone = 0,
  kInvalid = 22,    // EINVAL: an unknown key, a value that is none of its key's
  kProtocol = 71,   // EPROTO: a line that is not key=value
  kTooLong = 90,    // EMSGSIZE: beyond kMaxRequest
  kPortInUse = 98,  // EADDRINUSE: listen_port or fwmark refused by the system
};

struct AllowedIpChange {
  Prefix prefix;
  bool remove = false;  // "allowed_ip=-10.0.0.0/8"
};
struct PeerChange {
  crypto::WireGuardKey public_key;
  bool remove = false;
  bool update_only = false;  // an unknown peer is not made
  std::optional<crypto::Secret32> preshared_key;
  std::optional<Endpoint> endpoint;
  std::optional<Duration> persistent_keepalive;
  bool replace_allowed_ips = false;
  std::vector<AllowedIpChange> allowed_ips;
};
struct SetRequest {
  std::optional<crypto::Secret32> private_key;  // zero: none from now on
  std::optional<std::uint16_t> listen_port;
  std::optional<std::uint32_t> fwmark;
  bool replace_peers = false;
  std::vector<PeerChange> peers;  // in the order in which they are to be applied
};
struct GetRequest {};
struct Refused {
  Errno error = Errno::kInvalid;
};
struct HangUp {};  // no request at all: the connection is to be closed
using Request = std::variant<GetRequest, SetRequest, Refused, HangUp>;

// Requests out of a connection's bytes. Keeps one line, never more; wiped after use.
class RequestReader {
 public:
  static constexpr std::size_t kMaxLine = 256;            // longer ones are kInvalid
  static constexpr std::size_t kMaxRequest = 32U << 20U;  // bytes; about 100,000 peers

  RequestReader() = default;
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  ~RequestReader() { crypto::wipe(line_); }

  // Takes bytes from the front of `bytes`, to the end of one request; nothing: it needs more.
  std::optional<Request> read(ByteView& bytes);

 private:
  std::optional<Request> end_line();
  std::optional<Request> operation(std::string_view line);
  Request finish();
  Errno set_line(std::string_view line);

  enum class In : std::uint8_t { kNothing, kGet, kSet };

  std::array<std::uint8_t, kMaxLine> line_{};
  std::size_t line_size_ = 0;  // may pass kMaxLine; what is beyond is not kept
  std::size_t request_size_ = 0;
  In in_ = In::kNothing;
  SetRequest set_;
  Errno error_ = Errno::kNone;  // of the set request under way; the rest of it is skipped
};

// replace_peers and the peers. What was applied before an error stays.
Errno apply_peers(Device& device, Now now, SetRequest& request);

// What a Device does not know of its interface.
struct InterfaceView {
  const crypto::Secret32* private_key = nullptr;  // null: none
  std::uint16_t listen_port = 0;
  std::uint32_t fwmark = 0;
};
// Holds secrets: to be wiped after use. Never reallocated while it grows.
Bytes render_get(const Device& device, const InterfaceView& interface);
Bytes render_errno(Errno error);

}  // namespace culvert::wireguard::uapi
