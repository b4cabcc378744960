// Act four: the coordinator's disk is full; the reserve of its disk is used up; its store is
// restored from an old copy, so that the nodes know more than the store. All other hosts work.
#include <algorithm>

#include "proto/trust/statements/revocation.hpp"
#include "tests/sim/world.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kReserve = 16;  // number of revocations
constexpr Duration kLongestLease = 30s;

}  // namespace

void World::coordinator_trouble() {
  full_disk();
  old_backup();
  used_up_reserve();
}

// Revokes a grant that is in force. False: no grant is in force.
bool World::revoke_one() {
  for (const auto& laptop : laptops_) {
    for (const auto& service : services_) {
      for (const auto& grant : oracle_.grants_of(pair_of(*laptop, service))) {
        if (!oracle_.live(laptop->now().wall + 60s, grant)) continue;
        // One person revokes: a second revocation of the same grant is not kept.
        for (const auto& person : people_) {
          if (person->revoke(grant)) return true;
        }
      }
    }
  }
  return false;
}

std::set<crypto::Hash> World::stored_revocations() {
  std::set<crypto::Hash> out;
  for (const auto& row : must(coordinator_->store().notes())) {
    if (row.note.starts_with(trust::Revocation::kType)) out.insert(row.id);
  }
  return out;
}

std::vector<std::string> World::pairs_talking(Instant since) const {
  std::vector<std::string> out;
  for (const auto& laptop : laptops_) {
    for (const auto& service : services_) {
      if (laptop->heard_since(service.fqdn, since))
        out.push_back(laptop->name() + " " + service.fqdn);
    }
  }
  return out;
}

// Revocations still end grants at once (the oracle checks each packet), and everything else goes
// on.
void World::full_disk() {
  say("the coordinator's disk is full");
  coordinator_->store().set_failing(true, kReserve);
  const auto before = stored_revocations();
  const bool revoked = revoke_one();
  run_for(kLongestLease + 10s);
  if (revoked && stored_revocations().size() <= before.size()) {
    oracle_.violation("with the coordinator's disk full nobody could revoke");
  }
  expect_talking(network_.now() - 3s, "with the coordinator's disk full");
  expect_kept();
  say("the coordinator's disk has room again");
  coordinator_->store().set_failing(false);
  run_for(12s);  // time to upload what had to wait
  expect_audit_uploaded();
}

// Restores the store to a copy from before a revocation. The grant must never be in force again,
// the nodes send the revocation to the store, and in the end no audit line is missing.
void World::old_backup() {
  say("the coordinator is backed up");
  coordinator_->back_up();
  run_for(1s);
  const bool revoked = revoke_one();
  run_for(5s);
  const auto before = stored_revocations();
  if (!revoked) oracle_.violation("nothing was there to revoke before the old copy came back");
  coordinator_->crash();
  coordinator_->restore();
  say("the coordinator comes back with the copy");
  watch();
  coordinator_->start();
  run_for(25s);
  const auto after = stored_revocations();
  for (const auto& id : before) {
    if (!after.contains(id)) oracle_.violation("a revocation is gone after an old copy came back");
  }
  run_for(kRecovery);
  expect_talking(network_.now() - 3s, "after the old copy came back");
  expect_audit_uploaded();
}

// A revocation could be lost now, so nothing that needs a lease may go on.
void World::used_up_reserve() {
  say("the coordinator's reserve is used up");
  coordinator_->store().set_failing(true, 0);
  run_for(kLongestLease + 10s);
  for (const auto& pair : pairs_talking(network_.now() - 3s)) {
    oracle_.violation("without leases there is still an answer to " + pair);
  }
  coordinator_->store().set_failing(false);
  run_for(kRecovery);
  expect_talking(network_.now() - 3s, "after the reserve was there again");
}

}  // namespace culvert::sim
