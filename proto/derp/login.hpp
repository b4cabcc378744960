// The sealed parts of the login. Both boxes are NaCl boxes between the client's and the relay's
// key, so each side proves its key. The JSON inside is stock DERP's with two members of ours,
// `ticket` and `challenge`:
//
//   ClientInfo  {"version":2,"meshKey":…,"CanAckPings":true,"IsProber":…,
//                "ticket":"culvert/ticket/v1\n…","challenge":"<64 hex>"}
//   ServerInfo  {"version":2,"TokenBucketBytesPerSecond":n,"TokenBucketBytesBurst":n}
//
// `challenge` repeats the 32 bytes that the relay appended to ServerKey. So a recorded login is
// useless on another connection, and after kLoginTimeout on the same connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/derp/payload.hpp"

namespace culvert::derp {

inline constexpr Duration kLoginTimeout = 10s;

struct ClientInfo {
  int version = kProtocolVersion;
  bool can_ack_pings = true;
  bool is_prober = false;
  std::string mesh_key;  // for relays of a stock mesh; we never send one
  std::string ticket;    // empty: none
  std::optional<Challenge> challenge;

  friend bool operator==(const ClientInfo&, const ClientInfo&) = default;
};

struct ServerInfo {
  int version = kProtocolVersion;
  std::uint64_t bytes_per_second = 0;  // 0: no limit
  std::uint64_t burst_bytes = 0;

  friend bool operator==(const ServerInfo&, const ServerInfo&) = default;
};

using RelayKeyPair = crypto::KeyPair<crypto::RelayKey>;

// Payloads of frames 02 and 03. The open functions fail with kUnverified when the box is forged or
// not for us, and with kInvalid when its JSON has another form than the one above.
Bytes seal_client_info(const ClientInfo& info, const RelayKeyPair& ours,
                       const crypto::RelayKey& relay, Rng& rng);
struct OpenedClientInfo {
  crypto::RelayKey client;
  ClientInfo info;
};
Result<OpenedClientInfo> open_client_info(ByteView payload, const RelayKeyPair& ours);
Bytes seal_server_info(const ServerInfo& info, const RelayKeyPair& ours,
                       const crypto::RelayKey& client, Rng& rng);
Result<ServerInfo> open_server_info(ByteView payload, const RelayKeyPair& ours,
                                    const crypto::RelayKey& relay);

}  // namespace culvert::derp
