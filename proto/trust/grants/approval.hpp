// Who has approved a grant, and which approvals the site's policy requires. Computed again when a
// document that the grant rests on changes (Register::take_touched).
#pragma once

#include <optional>
#include <vector>

#include "proto/trust/register/register.hpp"
#include "proto/trust/statements/grant.hpp"

namespace culvert::trust {

struct Approval {
  std::vector<Person> vendor;
  std::vector<Person> customer;
  std::uint32_t vendor_needed = 0;
  std::uint32_t customer_needed = 0;
  bool pre_approved = false;     // a line of the policy opens the grant without approvers
  std::optional<Error> refusal;  // no number of signatures would open the grant

  std::uint32_t vendor_missing() const { return missing(vendor_needed, vendor.size()); }
  std::uint32_t customer_missing() const { return missing(customer_needed, customer.size()); }
  bool complete() const { return !refusal && vendor_missing() + customer_missing() == 0; }

 private:
  static std::uint32_t missing(std::uint32_t needed, std::size_t have) {
    return have >= needed ? 0 : needed - static_cast<std::uint32_t>(have);
  }
};

// `note`: the grant's note with all lines. Errors of the approval have the code kDenied.
Approval assess(const Register& who, const Grant& grant, const note::Note& note);

}  // namespace culvert::trust
