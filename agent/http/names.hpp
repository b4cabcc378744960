// Header names as an upstream may read them. Many (CGI, WSGI, PHP) fold case and write '_' for
// every byte that is no letter or digit, so that "Culvert_User" arrives as "Culvert-User" does:
// what we decide about a name we decide about its folded form.
#pragma once

#include <string>
#include <string_view>

namespace culvert::http {

std::string fold(std::string_view name);  // lower case; '-' for all but letters and digits

// All take folded names.
// What a proxy says and an upstream may believe: who asks, by which certificate, from where, and
// which host, path or method is meant. Decided by families of common programs (Remote-*,
// X-WebAuth-*, X-Amzn-Oidc-*, …) and by words in the name ("user", "groups", "cert", "ip"), so
// that a program that is not listed is covered too. The words overrule nothing that a client
// itself must say (User-Agent, X-Auth-Token). docs/operations/http.md has the list.
bool is_reserved(std::string_view folded);
// Of one connection (RFC 9110 §7.6.1 and what came before it).
bool is_hop_by_hop(std::string_view folded);
// Where the message goes and how long it is; we write these ourselves.
bool is_framing(std::string_view folded);

}  // namespace culvert::http
