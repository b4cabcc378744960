// The client data that a browser signs for a passkey (WebAuthn §5.8.1), read strictly: JSON of
// RFC 8259 in UTF-8 with no name twice in one object, at most 1 KiB and 8 levels deep.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace culvert::note {

constexpr std::size_t kMaxClientData = 1024;

struct ClientData {
  std::string type;
  std::string challenge;
  std::string origin;
  bool cross_origin = false;  // absent: false
  bool has_top_origin = false;
};

// Nothing: `json` breaks a rule above, or a member of ClientData that must be there is missing or
// has another type.
std::optional<ClientData> parse_client_data(std::string_view json);

}  // namespace culvert::note
