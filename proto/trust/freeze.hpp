// Whether a key has been suspended, which is for ever (decision 18).
#pragma once

#include "proto/trust/evidence.hpp"

namespace culvert::trust {

// Whether a revocation that is known has suspended the key: it never counts again.
bool is_suspended(const Floors& floors, const crypto::PublicKey& key);

}  // namespace culvert::trust
