// The coordinator's state folder (0700): its keys, its certificate, its store.
//
//   control.key lease.key ticket.key   64 hex digits each, 0600
//   coordinator.pub                    the public halves, for the vendor root
//   tls.crt tls.key                    self-signed, made when the configuration names none
//   coordinator.db                     SQLite
//   lock                               held by the running coordinator
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/operator.hpp"
#include "coordinator/store/sqlite.hpp"
#include "proto/control/coordinator_pub.hpp"
#include "proto/control/noise.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/crypto/x509.hpp"

namespace culvert::coordinator {

// /var/lib/culvert/coordinator for root, else $XDG_STATE_HOME/culvert/coordinator.
std::string default_state_folder();

struct Keys {
  control::noise::KeyPair control;
  crypto::SigningKey lease;
  crypto::SigningKey ticket;

  OwnKeys public_halves() const {
    return {control.public_key, lease.public_key(), ticket.public_key()};
  }
};

class StateFolder {
 public:
  explicit StateFolder(std::string path) : path_(std::move(path)) {}

  // Makes the folder and the missing keys, keeps existing keys, and writes coordinator.pub.
  Result<control::CoordinatorPub> init(std::vector<std::string> urls, Rng& rng);
  Result<Keys> keys() const;  // kNotFound: init() has not run
  Result<std::unique_ptr<SqliteStore>> store() const;
  // The certificate for the listener. If the folder has none, makes one for ten years.
  Result<crypto::TlsIdentity> certificate(WallTime now) const;
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace culvert::coordinator
