#include "agent/http/names.hpp"

#include <algorithm>
#include <array>

namespace culvert::http {
namespace {

constexpr std::array<std::string_view, 4> kReservedPrefixes = {"culvert-", "impersonate-",
                                                               "x-forwarded-", "x-remote-"};
constexpr std::array<std::string_view, 8> kReserved = {
    "forwarded",      "x-forwarded",   "x-real-ip",      "x-client-ip",
    "x-original-url", "x-rewrite-url", "true-client-ip", "x-envoy-original-path"};
constexpr std::array<std::string_view, 11> kHopByHop = {"connection",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "te",
                                                        "trailer",
                                                        "proxy-authenticate",
                                                        "proxy-authorization",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "http2-settings",
                                                        "expect"};
constexpr std::array<std::string_view, 3> kFraming = {"content-length", "transfer-encoding",
                                                      "host"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <std::size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

std::string fold(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    c = lower(c);
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) c = '-';
  }
  return out;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool is_reserved(std::string_view folded) {
  return among(kReserved, folded) ||
         std::any_of(kReservedPrefixes.begin(), kReservedPrefixes.end(),
                     [&](std::string_view prefix) { return folded.starts_with(prefix); });
}
bool is_hop_by_hop(std::string_view folded) { return among(kHopByHop, folded); }
bool is_framing(std::string_view folded) { return among(kFraming, folded); }

}  // namespace culvert::http
