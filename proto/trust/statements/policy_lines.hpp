// The lines of a policy (policy.hpp has their grammar), each as a value with its text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/prefix.hpp"
#include "proto/trust/statements/names.hpp"
#include "proto/trust/statements/scope.hpp"

namespace culvert::trust {

// The protocols that this version carries. A policy may name other protocols; they open nothing.
enum class Protocol { kTls, kTcp };
Label protocol_label(Protocol protocol);
std::optional<Protocol> known_protocol(const Label& label);

constexpr std::size_t kMaxServicePorts = 2;

struct PolicyService {
  Fqdn name;
  Label protocol;
  std::vector<std::uint16_t> ports;  // 1 or 2, different; for clickhouse: HTTPS, native
  Label tag;                         // nodes with this tag may publish the service

  static PolicyService of(Fqdn name, Protocol protocol, std::uint16_t port, Label tag) {
    return {std::move(name), protocol_label(protocol), {port}, std::move(tag)};
  }
  std::uint16_t port() const { return ports.empty() ? std::uint16_t{0} : ports.front(); }
  bool is(Protocol wanted) const { return known_protocol(protocol) == wanted; }
  friend auto operator<=>(const PolicyService&, const PolicyService&) = default;
};

struct Allow {
  Fqdn service;
  Label group;
  std::chrono::seconds max{0};
  std::uint32_t vendor = 1;
  std::uint32_t customer = 1;
  std::string scope;
  friend auto operator<=>(const Allow&, const Allow&) = default;
};

// A grant under this line needs the device's signature alone, where the site root says
// `pre-approvals: yes`.
struct PreApproved {
  Fqdn service;
  Label group;
  std::chrono::seconds max{0};
  WallTime until;
  std::string scope;
  friend auto operator<=>(const PreApproved&, const PreApproved&) = default;
};

// Access for one identity key without a request.
struct Standing {
  Fqdn service;
  IdentityKey identity;
  WallTime until;
  bool lease_required = true;
  std::string scope{kScopeConnect};
  friend auto operator<=>(const Standing&, const Standing&) = default;
};

struct PolicyRelay {
  std::string host;  // a DNS name or an IP address
  std::uint16_t port = 0;
  crypto::RelayKey key;
  Hash certificate;
  friend auto operator<=>(const PolicyRelay&, const PolicyRelay&) = default;
};

// Data that the site sends to a service of the vendor. Reserved: parsed and kept, but opens
// nothing.
struct Export {
  Label listener;
  Fqdn service;
  std::uint64_t rate = 0;  // bytes a second
  std::uint64_t cap = 0;   // bytes a day
  friend auto operator<=>(const Export&, const Export&) = default;
};

std::optional<PolicyService> parse_policy_service(std::string_view text);
std::optional<Allow> parse_allow(std::string_view text);
std::optional<PreApproved> parse_pre_approved(std::string_view text);
std::optional<Standing> parse_standing(std::string_view text);
std::optional<PolicyRelay> parse_policy_relay(std::string_view text);
std::optional<Export> parse_export(std::string_view text);

std::string format(const PolicyService& service);
std::string format(const Allow& allow);
std::string format(const PreApproved& line);
std::string format(const Standing& standing);
std::string format(const PolicyRelay& relay);
std::string format(const Export& line);

}  // namespace culvert::trust
