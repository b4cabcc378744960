// What must survive a restart so that nothing goes back: the register's half (epochs, serials,
// identities, revocations, the store's clock) and the grants' half (ended grants, claims, lock). A
// value: Evidence assembles the floors, and the program stores them (StateStore) whenever Evidence
// says that they changed.
#pragma once

#include <string>
#include <string_view>

#include "proto/core/result.hpp"
#include "proto/trust/grants/grant_floors.hpp"
#include "proto/trust/register/register_floors.hpp"

namespace culvert::trust {

struct Floors : RegisterFloors, GrantFloors {
  static constexpr std::string_view kType = "culvert/floors/v1";

  // Canonical text, one entry a line; parse is as strict as a statement's.
  std::string render() const;
  static Result<Floors> parse(std::string_view text);
  friend bool operator==(const Floors&, const Floors&) = default;
};

}  // namespace culvert::trust
