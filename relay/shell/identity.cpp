#include "relay/shell/identity.hpp"

#include <unistd.h>

#include <array>

#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::relay {
namespace {

Result<derp::RelayKeyPair> load_key(const std::string& path, Rng& rng) {
  auto file = runtime::read_file_if_there(path, 1024);
  if (!file) return fail_with(file.error());
  if (!*file) {
    auto key = derp::RelayKeyPair::generate(rng);
    auto hex = to_hex(key.secret.reveal()) + "\n";
    const auto written = runtime::write_secret_file(path, view(hex));
    crypto::wipe({reinterpret_cast<std::uint8_t*>(hex.data()), hex.size()});
    if (!written) return fail_with(written.error());
    return key;
  }
  auto raw = from_hex(text(**file).substr(0, 64));
  const bool good = (*file)->size() == 65 && (*file)->back() == '\n' && raw && raw->size() == 32;
  crypto::wipe(**file);
  if (!good) {
    return fail(ErrorCode::kInvalid, path +
                                         " does not hold 64 hex digits; restore it, or remove it "
                                         "for a new key and describe the relay again");
  }
  crypto::Secret32 secret(*raw);
  crypto::wipe(*raw);
  return derp::RelayKeyPair::from_secret(std::move(secret));
}

Result<crypto::TlsIdentity> load_tls(const Settings& settings, WallTime now) {
  if (!settings.tls_certificate.empty()) {
    const auto certificate = runtime::read_file(settings.tls_certificate);
    if (!certificate) return fail_with(certificate.error());
    const auto key = runtime::read_file(settings.tls_key);
    if (!key) return fail_with(key.error());
    return crypto::TlsIdentity::from_pem(text(*certificate), text(*key));
  }
  const auto path = settings.state + "/tls.pem";
  auto kept = runtime::read_file_if_there(path);
  if (!kept) return fail_with(kept.error());
  if (*kept) {
    auto tls = crypto::TlsIdentity::from_pem(text(**kept), text(**kept));
    if (!tls) return fail(ErrorCode::kInvalid, path + ": " + tls.error().message);
    return tls;
  }
  const auto name = settings.host.empty() ? std::string("culvert-relay") : settings.host;
  auto made = crypto::self_signed({.common_name = name, .serial = std::nullopt}, now);
  const auto pem = made.certificates_pem() + made.key_pem();
  if (auto written = runtime::write_secret_file(path, view(pem)); !written) {
    return fail_with(written.error());
  }
  return made;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace

Result<Identity> load_identity(const Settings& settings, Rng& rng, WallTime now) {
  if (auto made = runtime::make_private_folder(settings.state); !made) {
    return fail_with(made.error());
  }
  auto key = load_key(settings.state + "/relay.key", rng);
  if (!key) return fail_with(key.error());
  Identity identity{std::move(*key), std::nullopt};
  if (settings.plain) return identity;
  auto tls = load_tls(settings, now);
  if (!tls) return fail_with(tls.error());
  identity.tls = std::move(*tls);
  return identity;
}

std::string describe(const Settings& settings, const Identity& identity) {
  const auto host = settings.host.empty() ? host_name() : settings.host;
  std::string out = R"({"id":")" + settings.id + R"(","host":")" + host + R"(","port":)" +
                    std::to_string(settings.listen.port) + R"(,"stun_port":)" +
                    std::to_string(settings.stun ? settings.stun->port : 0) + R"(,"key":")" +
                    crypto::format_x25519(identity.key.public_key.view()) + "\"";
  if (identity.tls) {
    out += R"(,"certificate":")" + trust::format_hash(identity.tls->certificate_sha256().view()) +
           "\"";
  }
  return out + "}";
}

Result<std::string> policy_line(const Settings& settings, const Identity& identity) {
  if (!identity.tls) {
    return fail(ErrorCode::kInvalid,
                "a policy names a relay by its certificate, and \"plain\" relays have none here");
  }
  const auto host = settings.host.empty() ? host_name() : settings.host;
  return "relay: " + host + " " + std::to_string(settings.listen.port) + " " +
         crypto::format_x25519(identity.key.public_key.view()) + " " +
         trust::format_hash(identity.tls->certificate_sha256().view());
}

crypto::TlsIdentity with_derp_certificate(const Identity& identity, WallTime now) {
  const auto more = crypto::self_signed(
      {.common_name = "derpkey" + identity.key.public_key.hex(), .serial = derp::kProtocolVersion},
      now);
  return identity.tls->with_chain(more);
}

}  // namespace culvert::relay
