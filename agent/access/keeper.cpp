#include "agent/access/keeper.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kStoreRetry = 2s;  // after a failed write
constexpr Duration kWallSave = 60s;   // how often the wall clock's floor is stored

}  // namespace

void Keeper::persist(Now now) {
  const bool floors = basis_.evidence.floors_revision() != stored_revision_;
  const bool wall_due = wall_save_ <= now.steady;
  if (!floors && !basis_.changes.notes && !offers_.unsaved() && !wall_due && store_ok_) return;
  if (!store_ok_ && retry_ > now.steady) return;
  if (const auto done = write(floors || wall_due || !store_ok_); !done) {
    if (store_ok_) {
      basis_.log(LogLevel::kError, "the site store fails: no new grants", done.error().message);
    }
    store_ok_ = false;
    retry_ = wall_save_ = now.steady + kStoreRetry;
    return;
  }
  if (!store_ok_) basis_.changes.access = true;  // grants that had to wait may begin
  store_ok_ = true;
  retry_ = Instant::never();
  wall_save_ = now.steady + kWallSave;
}

Status Keeper::write(bool floors) {
  if (floors) {
    if (auto done = basis_.memory.save(basis_.evidence.floors()); !done) return done;
    stored_revision_ = basis_.evidence.floors_revision();
  }
  if (basis_.changes.notes) {
    if (auto done = basis_.memory.save(basis_.evidence.notes()); !done) return done;
    basis_.changes.notes = false;
  }
  if (offers_.unsaved()) {
    if (auto done = basis_.memory.save_revocations(offers_.kept().notes()); !done) return done;
    offers_.saved();
  }
  return {};
}

}  // namespace culvert::agent
