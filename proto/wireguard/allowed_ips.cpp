#include "proto/wireguard/allowed_ips.hpp"

#include <algorithm>

namespace culvert::wireguard {
namespace {

constexpr unsigned kMappedBits = 96;

std::uint64_t mask_of_word(unsigned bits) {
  if (bits == 0) return 0;
  return bits >= 64 ? ~0ULL : ~0ULL << (64U - bits);
}

IpAddress masked(const IpAddress& address, std::uint64_t high, std::uint64_t low) {
  IpAddress out;
  store_be(out.bytes.data(), load_be<std::uint64_t>(address.bytes.data()) & high);
  store_be(out.bytes.data() + 8, load_be<std::uint64_t>(address.bytes.data() + 8) & low);
  return out;
}

}  // namespace

void AllowedIps::insert(const Prefix& prefix, LanePeer* peer) {
  auto& all = tables(prefix.address);
  auto at = std::find_if(all.begin(), all.end(),
                         [&prefix](const auto& table) { return table.length <= prefix.length; });
  if (at == all.end() || at->length != prefix.length) {
    const unsigned bits = prefix.length + (prefix.address.is_v4() ? kMappedBits : 0);
    at = all.insert(
        at, Table{mask_of_word(bits), mask_of_word(bits > 64 ? bits - 64 : 0), prefix.length, {}});
  }
  const Prefix whole{masked(prefix.address, at->high_mask, at->low_mask), prefix.length};
  LanePeer*& owner = at->peers[whole.address];
  if (owner == peer) return;
  if (owner != nullptr) owned_[owner].erase(whole);
  owner = peer;
  owned_[peer].insert(whole);
}

void AllowedIps::erase(const Prefix& prefix) {
  auto& all = tables(prefix.address);
  const auto at = std::find_if(all.begin(), all.end(), [&prefix](const auto& table) {
    return table.length == prefix.length;
  });
  at->peers.erase(prefix.address);
  if (at->peers.empty()) all.erase(at);
}

bool AllowedIps::remove(const Prefix& prefix, const LanePeer* peer) {
  const auto whole = Prefix::of(prefix.address, prefix.length);
  const auto owned = owned_.find(peer);
  if (!whole || owned == owned_.end() || owned->second.erase(*whole) == 0) return false;
  erase(*whole);
  return true;
}

void AllowedIps::remove(const Prefix& prefix) {
  for (const auto& table : tables(prefix.address)) {
    if (table.length != prefix.length) continue;
    const auto at = table.peers.find(prefix.address);
    if (at != table.peers.end()) remove(prefix, at->second);
    return;
  }
}

void AllowedIps::remove_all(const LanePeer* peer) {
  const auto owned = owned_.find(peer);
  if (owned == owned_.end()) return;
  for (const auto& prefix : owned->second) erase(prefix);
  owned_.erase(owned);
}

LanePeer* AllowedIps::lookup(const IpAddress& address) const {
  for (const auto& table : address.is_v4() ? v4_ : v6_) {
    const auto at = table.peers.find(masked(address, table.high_mask, table.low_mask));
    if (at != table.peers.end()) return at->second;
  }
  return nullptr;
}

std::map<const LanePeer*, std::vector<Prefix>> AllowedIps::prefixes(const LanePeer* of) const {
  std::map<const LanePeer*, std::vector<Prefix>> out;
  const auto list = [&out](const auto& entry) {
    if (entry.second.empty()) return;
    out[entry.first].assign(entry.second.begin(), entry.second.end());
  };
  if (of == nullptr) {
    std::for_each(owned_.begin(), owned_.end(), list);
  } else if (const auto found = owned_.find(of); found != owned_.end()) {
    list(*found);
  }
  return out;
}

}  // namespace culvert::wireguard
