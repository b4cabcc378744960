#include "tests/sim/oracle.hpp"

#include <algorithm>

#include "proto/crypto/hash.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kTransportHeader = 16;
constexpr std::uint8_t kTransport = 4;
constexpr std::size_t kMaxViolations = 20;
constexpr Duration kStepSeen = 5s;     // how often a program looks for a wall clock that was set
constexpr Duration kWallSecond = 1s;   // wall time, and times counted from it, have whole seconds
constexpr Duration kWallStep = 100ms;  // how often a program wakes in the last second of a grant

}  // namespace

void Oracle::violation(const std::string& what) {
  const bool known = std::find(violations_.begin(), violations_.end(), what) != violations_.end();
  if (!known && violations_.size() < kMaxViolations) violations_.push_back(what);
}

void Oracle::requested(const std::string& grant, const Pair& pair, WallTime begins, WallTime ends) {
  if (grants_.contains(grant)) return;  // another approver saw the grant before
  auto& facts = grants_[grant];
  facts.pair = pair;
  facts.begins = begins;
  facts.ends = facts.claimed_end = ends;
}

void Oracle::claimed(const std::string& grant, HostId host, WallTime ends) {
  const auto found = grants_.find(grant);
  if (found == grants_.end()) return;
  auto& facts = found->second;
  facts.claimed_end = std::min(facts.claimed_end, ends);
  if (facts.claims.emplace(host, ends).second) facts.boot_ends.erase(host);
}

void Oracle::laptop_ends(const std::string& grant, WallTime ends) {
  const auto found = grants_.find(grant);
  if (found == grants_.end()) return;
  found->second.claimed_end = std::min(found->second.claimed_end, ends);
}

void Oracle::approved(Instant, const std::string& grant, bool customer) {
  auto& facts = grants_[grant];
  (customer ? facts.customer : facts.vendor) = true;
}

void Oracle::ending(const std::string& grant) { grants_[grant].ending = true; }

void Oracle::revoked(Instant now, const std::string& grant) {
  auto& facts = grants_[grant];
  if (facts.revoked) return;
  facts.revoked = now;
  for (const auto& [host, about] : hosts_) {
    if (about.connected) facts.connected_then.insert(host);
  }
}

void Oracle::denied(const std::string& grant, HostId host) {
  grants_[grant].denied.insert(host);
  grants_[grant].ending = true;
}

void Oracle::set_locked(HostId host, bool locked) { hosts_[host].locked = locked; }

void Oracle::acknowledged(const crypto::Hash& statement, std::string signer) {
  acknowledged_[statement].insert(std::move(signer));
}

void Oracle::set_connected(Instant now, HostId host, bool reached, bool connected) {
  auto& about = hosts_[host];
  about.connected = connected;
  if (reached) {
    about.unreached_since.reset();
  } else if (!about.unreached_since) {
    about.unreached_since = now;
  }
  if (connected) return;
  for (auto& [grant, facts] : grants_) facts.connected_then.erase(host);
}

void Oracle::restarted(HostId host) {
  for (auto& [grant, facts] : grants_) facts.boot_ends.erase(host);
}

void Oracle::forgets(HostId host) {
  restarted(host);
  hosts_[host].locked = false;
  for (auto& [grant, facts] : grants_) {
    facts.denied.erase(host);
    facts.claims.erase(host);
  }
}

void Oracle::set_audit(Instant now, HostId host, bool failing) {
  auto& about = hosts_[host];
  if (!failing) {
    about.audit_failing.reset();
  } else if (!about.audit_failing) {
    about.audit_failing = now;
  }
}

std::optional<std::string> Oracle::refusal(Instant now, WallTime wall, HostId host, Facts& facts) {
  if (!facts.vendor || !facts.customer) return "not approved";
  const Duration into_second = Duration{now.nanoseconds} % 1s;
  const auto claim = facts.claims.find(host);
  const auto ends = claim == facts.claims.end() ? facts.ends : claim->second;
  const auto end = now - into_second + (ends - wall);
  const auto& set = hosts_[host].clock_set;
  const bool just_set = set && now - *set <= kStepSeen;
  if (!just_set) facts.boot_ends.try_emplace(host, end);
  const auto by_boot = facts.boot_ends.find(host);
  if (by_boot != facts.boot_ends.end() && now - by_boot->second > kWallSecond) {
    return "over by the boot clock";
  }
  if (now - end > kWallStep && !just_set) return "over";
  if (facts.denied.contains(host)) return "denied here";
  if (facts.revoked) {
    const bool online = facts.connected_then.contains(host);
    if (now - *facts.revoked > (online ? kOnlineCut : lease_)) {
      return online ? "revoked more than 2 s ago, connected" : "revoked longer ago than a lease";
    }
  }
  return std::nullopt;
}

void Oracle::delivered(Instant now, WallTime wall, HostId host, const std::string& name,
                       const Pair& pair, std::uint32_t number) {
  const auto& about = hosts_[host];
  const auto bad = [&](const std::string& why) {
    violation(name + " was delivered a packet of " + format(pair.device) + " and " +
              format(pair.service) + ": " + why);
  };
  if (!seen_.emplace(host, pair, number).second) bad("for the second time");
  if (about.locked) return bad("locked");
  if (about.unreached_since && now - *about.unreached_since > lease_) {
    return bad("the coordinator has been absent for longer than a lease");
  }
  if (about.audit_failing && now - *about.audit_failing > kAuditCut) {
    return bad("its audit log has not been writable for 30 s");
  }
  // No early return: the end of every grant must be known before the clock is set again.
  std::string why = "no grant";
  bool allowed = false;
  for (auto& [grant, facts] : grants_) {
    if (facts.pair != pair) continue;
    if (const auto refused = refusal(now, wall, host, facts)) {
      why += "; " + grant + ": " + *refused;
    } else {
      allowed = true;
    }
  }
  if (!allowed) bad(why);
}

// The same packet may take two paths at once, but two packets never share a key and a nonce.
void Oracle::sent(HostId host, const std::string& name, ByteView bytes) {
  const std::string_view mark = kPlainMark;
  if (text(bytes).find(mark) != std::string_view::npos) violation(name + " sent readable text");
  if (bytes.size() < kTransportHeader || bytes[0] != kTransport || bytes[1] != 0) return;
  const auto receiver = load_le<std::uint32_t>(bytes.data() + 4);
  const auto counter = load_le<std::uint64_t>(bytes.data() + 8);
  auto [found, fresh] = sealed_.try_emplace({host, receiver, counter});
  const auto digest = crypto::sha256(bytes);
  if (fresh) {
    found->second = to_bytes(digest.view());
  } else if (!equal(found->second, digest.view())) {
    violation(name + " sealed two packets with one key and nonce");
  }
}

bool Oracle::live(WallTime wall, const std::string& grant) const {
  const auto found = grants_.find(grant);
  if (found == grants_.end()) return false;
  const auto& facts = found->second;
  const auto asked = asked_.find(grant);
  const auto voided = [&](const IpAddress& party) {
    const auto before = voided_.find(party);
    return before != voided_.end() && (asked == asked_.end() || asked->second <= before->second);
  };
  return facts.vendor && facts.customer && facts.begins <= wall && wall < facts.claimed_end &&
         !facts.ending && !voided(facts.pair.device) && !voided(facts.pair.service.address);
}

bool Oracle::in_force(WallTime wall, const Pair& pair) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const auto& entry) {
    return entry.second.pair == pair && live(wall, entry.first);
  });
}

std::vector<std::string> Oracle::grants_of(const Pair& pair) const {
  std::vector<std::string> out;
  for (const auto& [grant, facts] : grants_) {
    if (facts.pair == pair) out.push_back(grant);
  }
  return out;
}

}  // namespace culvert::sim
