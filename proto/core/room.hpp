// Places for parties that have not proven yet who they are, for example connections before their
// login. Pure: the owner names each guest by an id and gives the guest's address; the room answers
// which guest has to go instead.
//
// A source is one IPv4 address or one IPv6 /64. Nobody is refused:
//   - a source that fills its share replaces one of its own guests, chosen at random;
//   - in a full room two guests are drawn at random, and the guest whose source holds more goes.
// A guest that proves itself leaves the room, so no stranger can replace it any more. How long a
// guest may stay is for the owner to limit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"

namespace culvert {

// The address itself for IPv4, its /64 for IPv6.
IpAddress source_of(const IpAddress& address);

class Room {
 public:
  using GuestId = std::uint64_t;

  // `places` ≥ 1 in all, `share` ≥ 1 of them for one source (checked). `rng` outlives the room.
  Room(std::size_t places, std::size_t share, Rng& rng);

  // `id` is not in the room yet. The answer is the guest that has lost its place to the new guest.
  std::optional<GuestId> enter(GuestId id, const IpAddress& address);
  void leave(GuestId id);  // proven or gone; nothing happens when it has no place

  std::size_t size() const { return guests_.size(); }
  std::size_t held_by(const IpAddress& address) const;  // places of the address's source

 private:
  struct Guest {
    GuestId id = 0;
    IpAddress source;
  };
  std::size_t count(const IpAddress& source) const;
  std::size_t one_of(const IpAddress& source, std::size_t held);  // index of a random guest
  std::size_t any();                                              // index of a random guest

  std::size_t places_;
  std::size_t share_;
  Rng& rng_;
  std::vector<Guest> guests_;  // in no order; at most `places_`, so it is searched from end to end
};

}  // namespace culvert
