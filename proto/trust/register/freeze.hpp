// What must be known before a key is suspended, because a suspension is for ever.
#pragma once

#include <vector>

#include "proto/trust/register/register.hpp"

namespace culvert::trust {

// The roots (names of sites, or the vendor's) that no person could step on from any longer if this
// key were suspended as well: no root person with an unsuspended key would be left.
std::vector<Fqdn> frozen_by(const Register& who, const crypto::PublicKey& key);

// The newest root of each chain that is known and lists the key: what its revocation names. At most
// kMaxNamedRoots.
std::vector<Hash> roots_to_name(const Register& who, const crypto::PublicKey& key);

}  // namespace culvert::trust
