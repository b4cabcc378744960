// A person's public key as the line `<group> <person> <key>`. The line stands after `key: ` in a
// root, alone in a file (NAME.key.pub), or on the command line.
#pragma once

#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/statements/groups.hpp"

namespace culvert::cli {

// `subject`: ed25519:…, passkey:… or a file with such a line. `group` and `person` may be empty if
// the file names them; otherwise they must agree with the file.
Result<trust::RootKey> read_public(const std::string& subject, const std::string& group,
                                   const std::string& person);
// Only the key of such a subject. Nothing: `subject` is neither a key nor a file with a key.
std::optional<crypto::PublicKey> read_public_key(const std::string& subject);

}  // namespace culvert::cli
