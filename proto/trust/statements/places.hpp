// Where the vendor's coordinators and relays are: the only source of their addresses and keys.
//
//   culvert/places/v1
//   vendor-id: sha256:…
//   serial: <n>                                          from 1
//   issued: <time>
//   expires: <time>
//   coordinator: <url> x25519:…                          1 to 8, each URL once, preferred first
//   relay: <host> <port> x25519:… sha256:<certificate>   0 to 64, sorted
//
// Signed by a directory key of the vendor root. The highest serial counts; after `expires` it still
// counts, and programs warn.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct CoordinatorEntry {
  std::string url;  // https://host[:port] or http://host[:port], as connected to
  crypto::ControlKey key;
  friend bool operator==(const CoordinatorEntry&, const CoordinatorEntry&) = default;
};
struct RelayEntry {
  std::string host;  // a DNS name, or an IP address
  std::uint16_t port = 0;
  crypto::RelayKey key;
  Hash certificate;  // SHA-256 of the certificate in DER
  friend auto operator<=>(const RelayEntry&, const RelayEntry&) = default;
};

constexpr std::size_t kMaxCoordinators = 8;
constexpr std::size_t kMaxPlaceRelays = 64;

struct Places {
  static constexpr std::string_view kType = "culvert/places/v1";

  VendorId vendor_id;
  std::uint64_t serial = 1;
  WallTime issued;
  WallTime expires;
  std::vector<CoordinatorEntry> coordinators;
  std::vector<RelayEntry> relays;

  static Result<Places> parse(std::string_view text);
  std::string render() const;
};

bool valid_url(std::string_view url);
bool valid_host(std::string_view host);

}  // namespace culvert::trust
