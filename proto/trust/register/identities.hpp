// Who has which identity: what is remembered of each node that was ever known here (its floor), and
// to which identity each key and each name belongs. Grows by enrolment (agents) and by admission
// (devices); an identity is forgotten at an age of the store.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::trust {

class Identities {
 public:
  explicit Identities(std::map<IdentityKey, NodeFloor> floors);

  const NodeFloor* find(const IdentityKey& identity) const;  // null: not known
  bool contains(const IdentityKey& identity) const { return floors_.contains(identity); }
  bool replaced(const IdentityKey& identity) const;
  std::size_t count(const SiteId& site) const;  // identities of the site; zero site: devices
  // The identity that one of the four X25519 keys of a node belongs to; null: to nobody.
  const IdentityKey* owner(const std::array<std::uint8_t, 32>& key) const;
  // kConflict: one of the node's four X25519 keys belongs to another identity.
  Status check_keys(const Node& node) const;

  // An agent was enrolled: the identity fills a place of that enrolment and has the name.
  void enrol(const Enrolled& enrolled, StoreAge forget);
  void replace(const IdentityKey& identity);  // another identity took over the name
  // The node's statement was accepted: its serial is the lowest to believe, its keys are its own.
  void accept(const Node& node, const Hash& statement, StoreAge forget);
  // The same for a service statement; the identity must be known.
  void accept(const Service& service, const Hash& statement, StoreAge forget);
  // Forgets the identities whose time is over at this age, and returns them.
  std::vector<IdentityKey> forget(StoreAge age);

  const std::map<IdentityKey, NodeFloor>& floors() const { return floors_; }

 private:
  NodeFloor& floor_of(const IdentityKey& identity, const SiteId& site);
  void forget_keys(const NodeFloor& floor);

  std::map<IdentityKey, NodeFloor> floors_;
  std::map<std::array<std::uint8_t, 32>, IdentityKey> owners_;
  std::map<SiteId, std::size_t> counts_;
};

}  // namespace culvert::trust
