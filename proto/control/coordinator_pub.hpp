// What a coordinator tells the vendor about itself: the public halves of its keys, which the vendor
// root then lists. A plain text file, handed over by people; nobody signs it.
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
  std::vector<std::string> urls;  // http(s)://host[:port], nothing after it
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
