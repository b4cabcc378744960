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

void AllowedIps::insert(const Prefix& prefix, Peer* peer) {
  auto& all = tables(prefix.address);
  auto at = std::find_if(all.begin(), all.end(),
                         [&prefix](const Table& table) { return table.length <= prefix.length; });
  if (at == all.end() || at->length != prefix.length) {
    const unsigned bits = prefix.length + (prefix.address.is_v4() ? kMappedBits : 0);
    at = all.insert(
        at, Table{mask_of_word(bits), mask_of_word(bits > 64 ? bits - 64 : 0), prefix.length, {}});
  }
  at->peers[masked(prefix.address, at->high_mask, at->low_mask)] = peer;
}

void AllowedIps::remove(const Prefix& prefix, const Peer* peer) {
  auto& all = tables(prefix.address);
  const auto at = std::find_if(all.begin(), all.end(), [&prefix](const Table& table) {
    return table.length == prefix.length;
  });
  if (at == all.end()) return;
  const auto found = at->peers.find(masked(prefix.address, at->high_mask, at->low_mask));
  if (found == at->peers.end() || found->second != peer) return;
  at->peers.erase(found);
  if (at->peers.empty()) all.erase(at);
}

void AllowedIps::remove_all(const Peer* peer) {
  for (auto* all : {&v4_, &v6_}) {
    for (auto& table : *all) {
      std::erase_if(table.peers, [peer](const auto& entry) { return entry.second == peer; });
    }
    std::erase_if(*all, [](const Table& table) { return table.peers.empty(); });
  }
}

Peer* AllowedIps::lookup(const IpAddress& address) const {
  for (const auto& table : address.is_v4() ? v4_ : v6_) {
    const auto at = table.peers.find(masked(address, table.high_mask, table.low_mask));
    if (at != table.peers.end()) return at->second;
  }
  return nullptr;
}

std::map<const Peer*, std::vector<Prefix>> AllowedIps::prefixes(const Peer* of) const {
  std::map<const Peer*, std::vector<Prefix>> out;
  for (const auto* all : {&v4_, &v6_}) {
    for (const auto& table : *all) {
      for (const auto& [address, owner] : table.peers) {
        if (of == nullptr || owner == of) out[owner].push_back({address, table.length});
      }
    }
  }
  for (auto& entry : out) std::sort(entry.second.begin(), entry.second.end());
  return out;
}

}  // namespace culvert::wireguard
