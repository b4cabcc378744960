// The configuration protocol that `wg` speaks to a userspace WireGuard over a Unix socket
// (https://www.wireguard.com/xplatform/, "Configuration Protocol"): reads requests, applies them to
// a Device and renders the answers. The socket is the caller's.
//
//   set=1 ⏎ key=value ⏎ … ⏎ ⏎   → errno=0 ⏎ ⏎
//   get=1 ⏎ ⏎                   → key=value ⏎ … errno=0 ⏎ ⏎
//
// A set request is read as a whole before it is applied, so a malformed request changes nothing.
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

// errno(3) numbers of Linux, as wireguard-go gives them. An answer has the negative number.
enum class Errno : int {
  kNone = 0,
  kInvalid = 22,    // EINVAL: an unknown key, or a value that does not fit its key
  kProtocol = 71,   // EPROTO: a line that is not key=value
  kTooLong = 90,    // EMSGSIZE: a request longer than kMaxRequest
  kPortInUse = 98,  // EADDRINUSE: listen_port or fwmark refused by the system
};

struct AllowedIpChange {
  Prefix prefix;
  bool remove = false;  // "allowed_ip=-10.0.0.0/8"
};
struct PeerChange {
  crypto::WireGuardKey public_key;
  bool remove = false;
  bool update_only = false;  // true: do not add an unknown peer
  std::optional<crypto::Secret32> preshared_key;
  std::optional<Endpoint> endpoint;
  std::optional<Duration> persistent_keepalive;
  bool replace_allowed_ips = false;
  std::vector<AllowedIpChange> allowed_ips;
};
struct SetRequest {
  std::optional<crypto::Secret32> private_key;  // zero: remove the private key
  std::optional<std::uint16_t> listen_port;
  std::optional<std::uint32_t> fwmark;
  bool replace_peers = false;
  std::vector<PeerChange> peers;  // applied in this order
};
struct GetRequest {};
struct Refused {
  Errno error = Errno::kInvalid;
};
struct HangUp {};  // not a request: close the connection
using Request = std::variant<GetRequest, SetRequest, Refused, HangUp>;

// Reads requests from a connection's bytes. Keeps at most one line, and wipes it after use.
class RequestReader {
 public:
  static constexpr std::size_t kMaxLine = 256;            // bytes; a longer line is kInvalid
  static constexpr std::size_t kMaxRequest = 32U << 20U;  // bytes; about 100,000 peers

  RequestReader() = default;
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  ~RequestReader() { crypto::wipe(line_); }

  // Takes bytes from the front of `bytes`, up to the end of one request. Nothing: the request is
  // not complete yet.
  std::optional<Request> read(ByteView& bytes);

 private:
  std::optional<Request> end_line();
  std::optional<Request> operation(std::string_view line);
  Request finish();
  Errno set_line(std::string_view line);

  enum class In : std::uint8_t { kNothing, kGet, kSet };

  std::array<std::uint8_t, kMaxLine> line_{};
  std::size_t line_size_ = 0;  // may pass kMaxLine; bytes beyond kMaxLine are not kept
  std::size_t request_size_ = 0;
  In in_ = In::kNothing;
  SetRequest set_;
  Errno error_ = Errno::kNone;  // error of the present set request, whose rest is skipped
};

// Applies replace_peers and the peers of `request`. Changes before an error stay.
Errno apply_peers(Now now, Device& device, SetRequest& request);

// The properties of the interface that the Device does not know.
struct InterfaceView {
  const crypto::Secret32* private_key = nullptr;  // null: none
  std::uint16_t listen_port = 0;
  std::uint32_t fwmark = 0;
};
// The answer to a get request. It has secrets: wipe it after use. Its memory is allocated once, so
// that no other copy of a secret is left.
Bytes render_get(const Device& device, const InterfaceView& interface);
Bytes render_errno(Errno error);

}  // namespace culvert::wireguard::uapi
