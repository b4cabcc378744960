#include "proto/derp/login.hpp"

#include <nlohmann/json.hpp>

#include "proto/crypto/box.hpp"

namespace culvert::derp {
namespace {

using crypto::kBoxNonceSize;
using nlohmann::json;

Bytes seal(const json& value, const crypto::Secret32& ours, const crypto::RelayKey& theirs,
           Rng& rng) {
  const auto nonce = rng.array<kBoxNonceSize>();
  Bytes out(nonce.begin(), nonce.end());
  const auto plain = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (const auto box = crypto::BoxKey::between(ours, theirs.view())) {
    append(out, box->seal(nonce, view(plain)));
  } else {
    out.resize(out.size() + crypto::kBoxTagSize);  // a low-order key: nobody can open it
  }
  return out;
}

Result<json> open(Reader& reader, const crypto::Secret32& ours, const crypto::RelayKey& theirs) {
  const auto nonce = reader.take(kBoxNonceSize);
  const auto box = crypto::BoxKey::between(ours, theirs.view());
  if (!reader.ok() || !box) return fail(ErrorCode::kInvalid, "malformed DERP login box");
  const auto plain = box->open(nonce, reader.rest());
  if (!plain) return fail(ErrorCode::kUnverified, "DERP login box is not for this key, or forged");
  auto value = json::parse(plain->begin(), plain->end(), nullptr, false);
  if (!value.is_object()) return fail(ErrorCode::kInvalid, "DERP login is not a JSON object");
  return value;
}

// Each read() reads one optional member into `into`; false when the member has another type.
bool read(const json& from, const char* name, std::string& into) {
  const auto found = from.find(name);
  if (found == from.end()) return true;
  if (found->is_string()) into = found->get<std::string>();
  return found->is_string();
}
bool read(const json& from, const char* name, bool& into) {
  const auto found = from.find(name);
  if (found == from.end()) return true;
  if (found->is_boolean()) into = found->get<bool>();
  return found->is_boolean();
}
bool read(const json& from, const char* name, std::uint64_t& into) {
  const auto found = from.find(name);
  if (found == from.end()) return true;
  if (found->is_number_unsigned()) into = found->get<std::uint64_t>();
  return found->is_number_unsigned();
}
bool read_version(const json& from, int& into) {
  std::uint64_t version = 0;
  if (!read(from, "version", version) || version < kProtocolVersion || version > 0xFFFF)
    return false;
  into = static_cast<int>(version);
  return true;
}

}  // namespace

Bytes seal_client_info(const ClientInfo& info, const RelayKeyPair& ours,
                       const crypto::RelayKey& relay, Rng& rng) {
  json value = {{"version", info.version}, {"CanAckPings", info.can_ack_pings}};
  if (info.is_prober) value["IsProber"] = true;
  if (!info.mesh_key.empty()) value["meshKey"] = info.mesh_key;
  if (!info.ticket.empty()) value["ticket"] = info.ticket;
  if (info.challenge) value["challenge"] = info.challenge->hex();
  Bytes out = to_bytes(ours.public_key.view());
  append(out, seal(value, ours.secret, relay, rng));
  return out;
}

Result<OpenedClientInfo> open_client_info(ByteView payload, const RelayKeyPair& ours) {
  Reader reader(payload);
  OpenedClientInfo opened;
  opened.client.bytes = reader.array<kKeySize>();
  const auto value = open(reader, ours.secret, opened.client);
  if (!value) return fail_with(value.error());
  auto& info = opened.info;
  info.can_ack_pings = false;
  std::string challenge;
  if (!read_version(*value, info.version) || !read(*value, "CanAckPings", info.can_ack_pings) ||
      !read(*value, "IsProber", info.is_prober) || !read(*value, "meshKey", info.mesh_key) ||
      !read(*value, "ticket", info.ticket) || !read(*value, "challenge", challenge)) {
    return fail(ErrorCode::kInvalid, "malformed member in the DERP ClientInfo");
  }
  if (!challenge.empty()) {
    const auto raw = from_hex(challenge);
    info.challenge = raw ? Challenge::from(*raw) : std::nullopt;
    if (!info.challenge) return fail(ErrorCode::kInvalid, "malformed DERP login challenge");
  }
  return opened;
}

Bytes seal_server_info(const ServerInfo& info, const RelayKeyPair& ours,
                       const crypto::RelayKey& client, Rng& rng) {
  json value = {{"version", info.version}};
  if (info.bytes_per_second != 0) value["TokenBucketBytesPerSecond"] = info.bytes_per_second;
  if (info.burst_bytes != 0) value["TokenBucketBytesBurst"] = info.burst_bytes;
  return seal(value, ours.secret, client, rng);
}

Result<ServerInfo> open_server_info(ByteView payload, const RelayKeyPair& ours,
                                    const crypto::RelayKey& relay) {
  Reader reader(payload);
  const auto value = open(reader, ours.secret, relay);
  if (!value) return fail_with(value.error());
  ServerInfo info;
  if (!read_version(*value, info.version) ||
      !read(*value, "TokenBucketBytesPerSecond", info.bytes_per_second) ||
      !read(*value, "TokenBucketBytesBurst", info.burst_bytes)) {
    return fail(ErrorCode::kInvalid, "malformed member in the DERP ServerInfo");
  }
  return info;
}

}  // namespace culvert::derp
