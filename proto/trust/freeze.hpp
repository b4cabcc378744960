// What must be known before a key is suspended, because a suspension is for ever.
#pragma once

#include <vector>

#include "proto/trust/evidence.hpp"

namespace culvert::trust {

// Whether a revocation that is known has suspended the key: it never counts again.
bool is_suspended(const Floors& floors, const crypto::PublicKey& key);

// The roots (names of sites, or the vendor's) that no person could step on from any longer if this
// key were suspended as well: no root person with an unsuspended key would be left.
std::vector<Fqdn> frozen_by(const Evidence& evidence, const crypto::PublicKey& key);

// The newest root of each chain that is known and lists the key: what its revocation names. At most
// kMaxNamedRoots.
std::vector<Hash> roots_to_name(const Evidence& evidence, const crypto::PublicKey& key);

}  // namespace culvert::trust
