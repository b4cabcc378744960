// The sealed parts of the login. Both boxes are NaCl boxes between the client's and the relay's
// key, so each side proves its key; the JSON inside is stock DERP's with two members of ours:
//
//   ClientInfo  {"version":2,"meshKey":…,"CanAckPings":true,"IsProber":…,
//                "ticket":"culvert/ticket/v1\n…","challenge":"<64 hex>"}
//   ServerInfo  {"version":2,"TokenBucketBytesPerSecond":n,"TokenBucketBytesBurst":n}
//
// `challenge` repeats the 32 bytes that the relay appended to ServerKey: a recorded login is of no
// use on another connection, nor after kLoginTimeout on its own.
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
  std::string mesh_key;  // relays of a stock mesh only; we never send one
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

// Payloads of frames 02 and 03. Opening fails with kUnverified when the box is not for us or
// forged, kInvalid when its JSON is not as above.
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
