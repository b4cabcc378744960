// Which identities exist: what is remembered of each node that was ever known (the node's floor),
// and which identity owns each key and each name. Agents are added by enrolment, devices by
// admission. An identity is forgotten at an age of the store.
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
  // The identity that owns one of the four X25519 keys of a node; null: nobody owns the key.
  const IdentityKey* owner(const std::array<std::uint8_t, 32>& key) const;
  // kConflict: one of the node's four X25519 keys belongs to another identity.
  Status check_keys(const Node& node) const;

  // Adds an enrolled agent: the identity takes a place of the enrolment, and the name.
  void enrol(const Enrolled& enrolled, StoreAge forget);
  void replace(const IdentityKey& identity);  // another identity took over the name
  // A node's statement was accepted: lower serials are refused from now on, and the keys are owned.
  void accept(const Node& node, const Hash& statement, StoreAge forget);
  // A service statement was accepted; the identity must be known.
  void accept(const Service& service, const Hash& statement, StoreAge forget);
  // Forgets the identities whose time has ended at this age of the store, and returns them.
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
