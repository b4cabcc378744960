// coordinator.pub: the coordinator's addresses and the public halves of its keys.
// `culvert-coordinator init` writes the text file, the operator hands it to the vendor, and
// `culvert vendor collect` puts the keys into the vendor root. Nobody signs the file.
//
//   culvert/coordinator/v1
//   url: https://control.example:7443      1 to 8
//   control: x25519:<64 hex>
//   lease: ed25519:<64 hex>
//   ticket: ed25519:<64 hex>
//
// Strict: render(parse(t)) == t.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::control {

inline constexpr std::size_t kMaxCoordinatorUrls = 8;

struct CoordinatorPub {
  std::vector<std::string> urls;  // http(s)://host[:port]
  crypto::ControlKey control;
  crypto::VerifyKey lease;
  crypto::VerifyKey ticket;

  static Result<CoordinatorPub> parse(std::string_view text);
  std::string render() const;
  friend bool operator==(const CoordinatorPub&, const CoordinatorPub&) = default;
};

// http(s)://host[:port] in printable ASCII, without path, user or query.
bool is_coordinator_url(std::string_view url);

}  // namespace culvert::control
