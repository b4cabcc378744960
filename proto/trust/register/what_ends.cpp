// What a next root would end: computed before anybody has signed the root.
#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {
namespace {

template <class Statement>
bool vouched(const std::optional<Held<Statement>>& held) {
  return held && held->vouched;
}

}  // namespace

std::optional<Register> Register::under(const Root& next) const {
  auto after = std::make_unique<State>(*state_);
  if (!after->roots.suppose(next)) return std::nullopt;
  after->revouch({});
  return Register(std::move(after));
}

std::vector<std::string> Register::lost_in(const Register& after) const {
  const auto& then = *after.state_;
  std::vector<std::string> out;
  if (vouched(state_->places) && !vouched(then.places)) {
    out.push_back("the list of addresses, serial " +
                  std::to_string(state_->places->statement.serial));
  }
  for (const auto& [id, site] : state_->sites) {
    const auto& site_then = then.sites.at(id);
    if (vouched(site.entry) && !vouched(site_then.entry)) {
      out.push_back("the directory's entry of the site " + site.entry->statement.site.name.str());
    }
    if (vouched(site.policy) && !vouched(site_then.policy)) {
      out.push_back("the policy of the site " + site.policy->statement.site.name.str() +
                    ", serial " + std::to_string(site.policy->statement.serial));
    }
    for (const auto& [hash, held] : site.enrolments) {
      if (!held.vouched || site_then.enrolments.at(hash).vouched) continue;
      out.push_back("the enrolment " + format_hash(hash.view()));
    }
  }
  for (const auto& [identity, held] : state_->nodes) {
    if (!held.vouched || then.nodes.at(identity).vouched) continue;
    out.push_back("the statement of the node " + held.statement.name.str() + ", " +
                  crypto::format_ed25519(identity));
  }
  return out;
}

}  // namespace culvert::trust
