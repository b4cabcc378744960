#include "agent/access/identity.hpp"

namespace culvert::agent {
namespace {

// "culvert/keys/v1\n" ‖ identity seed ‖ WireGuard ‖ control ‖ relay ‖ disco, 32 bytes each.
constexpr std::string_view kMagic = "culvert/keys/v1\n";

template <class Pair>
Pair read_pair(Reader& reader) {
  return Pair::from_secret(crypto::Secret32(reader.take(32)));
}

}  // namespace

NodeKeys NodeKeys::generate(Rng& rng) {
  return {crypto::SigningKey::generate(rng), crypto::KeyPair<crypto::WireGuardKey>::generate(rng),
          crypto::KeyPair<crypto::ControlKey>::generate(rng),
          crypto::KeyPair<crypto::RelayKey>::generate(rng),
          crypto::KeyPair<crypto::DiscoKey>::generate(rng)};
}

void NodeKeys::name_in(trust::Node& node) const {
  node.identity = identity.public_key();
  node.wireguard = wireguard.public_key;
  node.control = control.public_key;
  node.relay = relay.public_key;
  node.disco = disco.public_key;
}

Result<std::optional<NodeKeys>> load_keys(OwnStore& store, std::string_view name) {
  auto stored = store.get(name);
  if (!stored) return fail_with(stored.error());
  if (!*stored) return std::optional<NodeKeys>();
  Bytes& bytes = **stored;
  if (bytes.size() != kMagic.size() + 5 * 32 ||
      text(ByteView(bytes).first(kMagic.size())) != kMagic) {
    return fail(ErrorCode::kInvalid, "the stored keys of this node are damaged: restore them");
  }
  Reader reader(ByteView(bytes).subspan(kMagic.size()));
  NodeKeys keys;
  keys.identity = crypto::SigningKey::from_seed(crypto::Secret32(reader.take(32)));
  keys.wireguard = read_pair<decltype(keys.wireguard)>(reader);
  keys.control = read_pair<decltype(keys.control)>(reader);
  keys.relay = read_pair<decltype(keys.relay)>(reader);
  keys.disco = read_pair<decltype(keys.disco)>(reader);
  crypto::wipe(bytes);
  return std::optional<NodeKeys>(std::move(keys));
}

Status save_keys(OwnStore& store, const NodeKeys& keys, std::string_view name) {
  Bytes bytes = to_bytes(kMagic);
  for (const crypto::Secret32* secret :
       {&keys.identity.seed(), &keys.wireguard.secret, &keys.control.secret, &keys.relay.secret,
        &keys.disco.secret}) {
    append(bytes, secret->reveal());
  }
  auto done = store.put(name, bytes);
  crypto::wipe(bytes);
  return done;
}

}  // namespace culvert::agent
