// A person's public key on its way into a root: the line `<group> <person> <key>` that stands after
// `key: ` in a root, alone in a file (NAME.key.pub), or on the command line.
#pragma once

#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/statements/groups.hpp"

namespace culvert::cli {

// `subject`: ed25519:…, passkey:… or a file with such a line. `group` and `person` may be empty
// where the file names them, and must agree with it otherwise.
Result<trust::RootKey> read_public(const std::string& subject, const std::string& group,
                                   const std::string& person);
// The key alone, from the same; nothing: it is neither a key nor a file with one.
std::optional<crypto::PublicKey> read_public_key(const std::string& subject);

}  // namespace culvert::cli
