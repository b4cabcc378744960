// Header names as an upstream may read them. Many upstreams (CGI, WSGI, PHP) fold case and write
// '_' for every byte that is no letter or digit, so that they cannot tell "Culvert_User" from
// "Culvert-User". So every decision about a name uses its folded form.
#pragma once

#include <string>
#include <string_view>

namespace culvert::http {

std::string fold(std::string_view name);  // lower case; '-' for all but letters and digits

// Headers that an upstream may believe because normally a proxy sets them: the user, the
// certificate, the client's address, and the original host, path or method. They are recognised by
// families of common programs (Remote-*, X-WebAuth-*, X-Amzn-Oidc-*, …) and by words in the name
// ("user", "groups", "cert", "ip"), so that other programs are covered too. Headers that a client
// itself must send (User-Agent, X-Auth-Token) are not reserved. docs/operations/http.md has the
// list.
bool is_reserved(std::string_view folded);
// Headers of one connection (RFC 9110 §7.6.1 and earlier ones).
bool is_hop_by_hop(std::string_view folded);
// Headers with the message's destination and length: Host, Content-Length, Transfer-Encoding. The
// agent writes these itself.
bool is_framing(std::string_view folded);
// Fields that must not stand in trailers (RFC 9110 §6.5.1), because they must be known before the
// body: framing, routing, request modifiers, authentication, response control, content format.
bool is_forbidden_trailer(std::string_view folded);

}  // namespace culvert::http
