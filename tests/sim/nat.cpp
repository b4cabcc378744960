#include "tests/sim/nat.hpp"

#include <algorithm>

namespace culvert::sim {
namespace {

constexpr std::uint16_t kFirstPort = 1024;

// The parts of the remote endpoint that a behaviour depends on; the other parts are zero.
Endpoint part_of(const Endpoint& remote, Dependence dependence) {
  switch (dependence) {
    case Dependence::kNone:
      return {};
    case Dependence::kAddress:
      return {remote.address, 0};
    case Dependence::kAddressAndPort:
      return remote;
  }
  return {};
}

const char* text_of(Dependence dependence) {
  switch (dependence) {
    case Dependence::kNone:
      return "endpoint-independent";
    case Dependence::kAddress:
      return "address-dependent";
    case Dependence::kAddressAndPort:
      return "address-and-port-dependent";
  }
  return "";
}

}  // namespace

std::string describe(const NatBehaviour& behaviour) {
  if (!behaviour.udp) return "no UDP";
  return std::string(text_of(behaviour.mapping)) + " mapping, " + text_of(behaviour.filtering) +
         " filtering, " + std::to_string(behaviour.expiry / 1s) + " s" +
         (behaviour.hairpin ? ", hairpin" : "") + (behaviour.keeps_port ? ", keeps ports" : "");
}

RealmId Nats::add(RealmId outside, IpAddress external, NatBehaviour behaviour) {
  nats_.push_back({outside, external, behaviour, {}});
  return nats_.size();
}

void Nats::reboot(RealmId inside) { at(inside).mappings.clear(); }

void Nats::renumber(RealmId inside, IpAddress external) {
  reboot(inside);
  at(inside).external = external;
}

std::optional<RealmId> Nats::behind(RealmId realm, const IpAddress& external) const {
  for (RealmId inside = 1; inside < realms(); ++inside) {
    if (at(inside).outside == realm && at(inside).external == external) return inside;
  }
  return std::nullopt;
}

void Nats::expire(Instant now, Nat& nat) {
  for (auto& mapping : nat.mappings) {
    std::erase_if(mapping.contacts, [&](const Contact& contact) {
      return now - contact.last >= nat.behaviour.expiry;
    });
  }
  std::erase_if(nat.mappings, [](const Mapping& mapping) { return mapping.contacts.empty(); });
}

std::uint16_t Nats::free_port(const Nat& nat, std::uint16_t wish) {
  const auto taken = [&](std::uint16_t port) {
    return std::any_of(nat.mappings.begin(), nat.mappings.end(),
                       [&](const Mapping& mapping) { return mapping.port == port; });
  };
  if (nat.behaviour.keeps_port && !taken(wish)) return wish;
  for (;;) {
    const auto port = static_cast<std::uint16_t>(kFirstPort + rng_.below(65536 - kFirstPort));
    if (!taken(port)) return port;
  }
}

std::optional<Endpoint> Nats::leave(Instant now, RealmId inside, const Endpoint& source,
                                    const Endpoint& to) {
  auto& nat = at(inside);
  if (!nat.behaviour.udp) return std::nullopt;
  expire(now, nat);
  const auto toward = part_of(to, nat.behaviour.mapping);
  auto mapping = std::find_if(nat.mappings.begin(), nat.mappings.end(), [&](const Mapping& m) {
    return m.inside == source && m.toward == toward;
  });
  if (mapping == nat.mappings.end()) {
    const auto port = free_port(nat, source.port);
    mapping = nat.mappings.insert(nat.mappings.end(), {source, toward, port, {}});
  }
  auto contact = std::find_if(mapping->contacts.begin(), mapping->contacts.end(),
                              [&](const Contact& c) { return c.remote == to; });
  if (contact == mapping->contacts.end()) {
    mapping->contacts.push_back({to, now});
  } else {
    contact->last = now;
  }
  return Endpoint{nat.external, mapping->port};
}

std::optional<Endpoint> Nats::enter(Instant now, RealmId inside, const Endpoint& source,
                                    std::uint16_t port) const {
  const auto& nat = at(inside);
  if (source.address == nat.external && !nat.behaviour.hairpin) return std::nullopt;
  const auto wanted = part_of(source, nat.behaviour.filtering);
  for (const auto& mapping : nat.mappings) {
    if (mapping.port != port) continue;
    const bool alive =
        std::any_of(mapping.contacts.begin(), mapping.contacts.end(), [&](const Contact& contact) {
          return now - contact.last < nat.behaviour.expiry &&
                 part_of(contact.remote, nat.behaviour.filtering) == wanted;
        });
    if (alive) return mapping.inside;
  }
  return std::nullopt;
}

// --- which pairs must find a direct path ---

std::vector<RealmId> Nats::outwards(RealmId from) const {
  std::vector<RealmId> out{from};
  while (out.back() != kPublic) out.push_back(outside(out.back()));
  return out;
}

// Several NATs in a row are as strict as the strictest of them.
Nats::Way Nats::way(RealmId from, RealmId to) const {
  Way way;
  for (auto realm = from; realm != to; realm = outside(realm)) {
    const auto& behaviour = at(realm).behaviour;
    way.any = true;
    way.udp = way.udp && behaviour.udp;
    way.mapping = std::max(way.mapping, behaviour.mapping);
    way.filtering = std::max(way.filtering, behaviour.filtering);
  }
  return way;
}

bool Nats::must_go_direct(RealmId a, RealmId b) const {
  if (a == b) return true;
  const auto from_a = outwards(a);
  const auto from_b = outwards(b);
  // The realm where the two ways meet. A host knows its own address and its public address, and
  // none between. With NATs on both sides of a private meeting place, packets must therefore go out
  // to the public address and back in.
  auto meet = *std::find_first_of(from_a.begin(), from_a.end(), from_b.begin(), from_b.end());
  if (meet != kPublic && meet != a && meet != b) {
    if (!at(from_a[from_a.size() - 2]).behaviour.hairpin) return false;
    meet = kPublic;
  }
  const auto one = way(a, meet);
  const auto other = way(b, meet);
  if (!one.udp || !other.udp) return false;
  const auto reachable = [](const Way& way) {  // for packets of a symmetric peer
    return way.mapping == Dependence::kNone && way.filtering != Dependence::kAddressAndPort;
  };
  const bool easy = one.mapping == Dependence::kNone && other.mapping == Dependence::kNone;
  return easy || reachable(one) || reachable(other);
}

}  // namespace culvert::sim
