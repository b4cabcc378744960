// Writes what must outlive the process into the site store: the floors, the notes, and the kept
// revocations. While the store takes nothing, nothing new begins; what is in force goes on, and
// what ends, ends.
#pragma once

#include "agent/access/basis.hpp"
#include "agent/access/offers.hpp"

namespace culvert::agent {

class Keeper {
 public:
  Keeper(Basis& basis, Offers& offers, Now now)
      : basis_(basis),
        offers_(offers),
        stored_revision_(basis.evidence.floors_revision()),
        wall_save_(now.steady) {}

  bool store_ok() const { return store_ok_; }  // false: the last write has failed
  // Writes what has changed since the last write. After a failure it tries again from
  // next_deadline() on; when the store works again, the rights are to be decided again.
  void persist(Now now);
  void save_wall_clock(Now now) { wall_save_ = now.steady; }  // with the next persist()
  Instant next_deadline() const { return std::min(wall_save_, retry_); }

 private:
  Status write(bool floors);

  Basis& basis_;
  Offers& offers_;
  std::uint64_t stored_revision_;  // of the floors in the store
  Instant wall_save_;              // when the floor of the wall clock is stored next
  Instant retry_ = Instant::never();
  bool store_ok_ = true;
};

}  // namespace culvert::agent
