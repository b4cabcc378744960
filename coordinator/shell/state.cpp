#include "coordinator/shell/state.hpp"

#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "proto/runtime/disk/files.hpp"

namespace culvert::coordinator {
namespace {

constexpr std::string_view kKeyFiles[] = {"control.key", "lease.key", "ticket.key"};

Result<std::optional<crypto::Secret32>> read_secret(const std::string& path) {
  auto bytes = runtime::read_file_if_there(path, 128);
  if (!bytes) return fail_with(bytes.error());
  if (!*bytes) return std::optional<crypto::Secret32>();
  auto hex = text(**bytes);
  if (hex.ends_with('\n')) hex.remove_suffix(1);
  auto raw = from_hex(hex);
  crypto::wipe(**bytes);
  if (!raw || raw->size() != crypto::Secret32::kSize) {
    return fail(ErrorCode::kInvalid, path + " is damaged: it must hold 64 hex digits");
  }
  std::optional<crypto::Secret32> secret(crypto::Secret32{ByteView(*raw)});
  crypto::wipe(*raw);
  return secret;
}

Result<crypto::Secret32> read_or_make(const std::string& path, Rng& rng) {
  auto known = read_secret(path);
  if (!known) return fail_with(known.error());
  if (*known) return std::move(**known);
  auto secret = crypto::Secret32::random(rng);
  auto hex = to_hex(secret.reveal()) + "\n";
  auto written = runtime::write_secret_file(path, view(hex));
  crypto::wipe({reinterpret_cast<std::uint8_t*>(hex.data()), hex.size()});
  if (!written) return fail_with(written.error());
  return secret;
}

}  // namespace

std::string default_state_folder() {
  if (geteuid() == 0) return "/var/lib/culvert/coordinator";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/culvert/coordinator";
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/state/culvert/coordinator";
}

Result<control::CoordinatorPub> StateFolder::init(std::vector<std::string> urls, Rng& rng) {
  for (const auto& url : urls) {
    if (!control::is_coordinator_url(url)) {
      return fail(ErrorCode::kInvalid,
                  "not a coordinator's URL: " + url + " (https://host:port, lower case, no path)");
    }
  }
  if (auto made = runtime::make_private_folder(path_); !made) return fail_with(made.error());
  for (const auto name : kKeyFiles) {
    if (auto key = read_or_make(file(name), rng); !key) return fail_with(key.error());
  }
  const auto made = keys();
  if (!made) return fail_with(made.error());
  control::CoordinatorPub pub{std::move(urls), made->control.public_key, made->lease.public_key(),
                              made->ticket.public_key()};
  if (auto ok = runtime::write_file_atomic(file("coordinator.pub"), view(pub.render())); !ok) {
    return fail_with(ok.error());
  }
  return pub;
}

Result<Keys> StateFolder::keys() const {
  std::vector<crypto::Secret32> secrets;
  for (const auto name : kKeyFiles) {
    auto secret = read_secret(file(name));
    if (!secret) return fail_with(secret.error());
    if (!*secret) {
      return fail(ErrorCode::kNotFound, file(name) + " is missing: run culvert-coordinator init " +
                                            "--state " + path_ + " --url URL first");
    }
    secrets.push_back(std::move(**secret));
  }
  return Keys{control::noise::KeyPair::from_secret(std::move(secrets[0])),
              crypto::SigningKey::from_seed(std::move(secrets[1])),
              crypto::SigningKey::from_seed(std::move(secrets[2]))};
}

Result<std::unique_ptr<SqliteStore>> StateFolder::store() const {
  if (auto ok = runtime::make_private_folder(path_); !ok) return fail_with(ok.error());
  return SqliteStore::open(file("coordinator.db"));
}

Result<crypto::TlsIdentity> StateFolder::certificate(WallTime now) const {
  const auto certificate = runtime::read_file_if_there(file("tls.crt"));
  if (!certificate) return fail_with(certificate.error());
  if (*certificate) {
    const auto key = runtime::read_file(file("tls.key"));
    if (!key) return fail_with(key.error());
    return crypto::TlsIdentity::from_pem(text(**certificate), text(*key));
  }
  crypto::SelfSigned what;
  what.common_name = "culvert-coordinator";
  auto made = crypto::self_signed(what, now);
  auto ok = runtime::write_secret_file(file("tls.key"), view(made.key_pem()));
  if (ok) ok = runtime::write_file_atomic(file("tls.crt"), view(made.certificates_pem()));
  if (!ok) return fail_with(ok.error());
  return made;
}

}  // namespace culvert::coordinator
