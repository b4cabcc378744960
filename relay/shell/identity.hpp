// The relay's key and certificate, made on the first start and kept in its state folder: relay.key
// (the X25519 secret in hex) and, where no certificate is configured, tls.pem (self-signed
// certificate and key).
#pragma once

#include <optional>
#include <string>

#include "proto/core/rng.hpp"
#include "proto/crypto/x509.hpp"
#include "proto/derp/login.hpp"
#include "relay/shell/settings.hpp"

namespace culvert::relay {

struct Identity {
  derp::RelayKeyPair key;
  std::optional<crypto::TlsIdentity> tls;  // nothing: plain HTTP
};

Result<Identity> load_identity(const Settings& settings, Rng& rng, WallTime now);

// The relay's entry in the coordinator's list of relays, as one line of JSON.
std::string describe(const Settings& settings, const Identity& identity);
// The `relay:` line of a site's policy (proto/trust/statements/policy.hpp). kInvalid: the relay has
// no certificate (plain HTTP).
Result<std::string> policy_line(const Settings& settings, const Identity& identity);

// Adds the certificate that tells stock clients our key, so that they write at once ("fast start"):
// CN derpkey<hex>, serial number = protocol version. Use it with TLS 1.3 only, which encrypts
// certificates.
crypto::TlsIdentity with_derp_certificate(const Identity& identity, WallTime now);

}  // namespace culvert::relay
