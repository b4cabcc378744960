#include "proto/wireguard/cookie.hpp"

#include <algorithm>

#include "proto/core/overloaded.hpp"
#include "proto/crypto/aead.hpp"

namespace culvert::wireguard {
namespace {

constexpr std::size_t kMacSize = 16;
constexpr std::string_view kLabelMac1 = "mac1----";
constexpr std::string_view kLabelCookie = "cookie--";

ByteView before_mac1(ByteView message) { return message.first(message.size() - kMacsSize); }
ByteView before_mac2(ByteView message) { return message.first(message.size() - kMacSize); }
ByteView mac1_of(ByteView message) { return before_mac2(message).last(kMacSize); }
ByteView mac2_of(ByteView message) { return message.last(kMacSize); }

bool equal_secretly(ByteView a, ByteView b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

std::array<std::uint8_t, 32> mac1_key_for(const crypto::WireGuardKey& key) {
  return crypto::blake2s({view(kLabelMac1), key.view()});
}
crypto::Secret32 cookie_key_for(const crypto::WireGuardKey& key) {
  return crypto::Secret32(crypto::blake2s({view(kLabelCookie), key.view()}));
}

}  // namespace

CookieChecker::CookieChecker(const crypto::WireGuardKey& ours, Rng& rng)
    : rng_(rng), mac1_(mac1_key_for(ours)), cookie_key_(cookie_key_for(ours)) {}

void CookieChecker::set_key(const crypto::WireGuardKey& ours) {
  mac1_ = crypto::Blake2sMac16(mac1_key_for(ours));
  cookie_key_ = cookie_key_for(ours);
}

bool CookieChecker::mac1_is_right(ByteView message) {
  return equal_secretly(mac1_(before_mac1(message)), mac1_of(message));
}

bool CookieChecker::mac2_is_right(Instant now, ByteView message, const Way& from) const {
  constexpr Mac kNone{};  // a sender without a cookie: refused without computing a MAC
  if (!secret_made_ || now - *secret_made_ >= kCookieLifetime) return false;
  if (std::equal(kNone.begin(), kNone.end(), mac2_of(message).begin())) return false;
  return equal_secretly(crypto::blake2s_mac16(cookie_of(from), before_mac2(message)),
                        mac2_of(message));
}

Mac CookieChecker::cookie_of(const Way& from) const {
  const auto mac = [this](ByteView sender) {
    return crypto::blake2s_mac16(secret_.reveal(), sender);
  };
  return std::visit(overloaded{
                        [&](const UdpWay& way) {
                          std::array<std::uint8_t, 18> sender{};
                          const auto& [address, port] = way.endpoint;
                          std::copy(address.bytes.begin(), address.bytes.end(), sender.begin());
                          store_be(sender.data() + 16, port);
                          return mac(sender);
                        },
                        [&](const RelayWay& way) { return mac(way.key.view()); },
                        [&](std::monostate) { return mac({}); },
                    },
                    from);
}

CookieReply CookieChecker::reply(Instant now, ByteView message, const Way& from) {
  if (!secret_made_ || now - *secret_made_ >= kCookieLifetime) {
    secret_ = crypto::Secret32::random(rng_);
    secret_made_ = now;
  }
  CookieReply out;
  out.receiver = SessionIndex(load_le<std::uint32_t>(message.data() + 4));  // the sender field
  rng_.fill(out.nonce);
  crypto::xaead_seal(cookie_key_, out.nonce, mac1_of(message), cookie_of(from), out.sealed_cookie);
  return out;
}

CookieJar::CookieJar(const crypto::WireGuardKey& theirs)
    : mac1_key_(mac1_key_for(theirs)), cookie_key_(cookie_key_for(theirs)) {}

void CookieJar::add_macs(Instant now, MutableByteView message) {
  const Mac mac1 = crypto::blake2s_mac16(mac1_key_, before_mac1(message));
  std::copy(mac1.begin(), mac1.end(), message.end() - kMacsSize);
  last_mac1_ = mac1;
  if (!cookie_received_ || now - *cookie_received_ >= kCookieLifetime) return;
  const Mac mac2 = crypto::blake2s_mac16(cookie_, before_mac2(message));
  std::copy(mac2.begin(), mac2.end(), message.end() - kMacSize);
}

bool CookieJar::accept(Instant now, const CookieReply& reply) {
  Mac cookie{};
  if (!last_mac1_ ||
      !crypto::xaead_open(cookie_key_, reply.nonce, *last_mac1_, reply.sealed_cookie, cookie)) {
    return false;
  }
  cookie_ = cookie;
  cookie_received_ = now;
  return true;
}

}  // namespace culvert::wireguard
