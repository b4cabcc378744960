#include "proto/core/room.hpp"

#include <algorithm>

#include "proto/core/check.hpp"

namespace culvert {

IpAddress source_of(const IpAddress& address) {
  auto source = address;
  if (!address.is_v4()) std::fill(source.bytes.begin() + 8, source.bytes.end(), std::uint8_t{0});
  return source;
}

Room::Room(std::size_t places, std::size_t share, Rng& rng)
    : places_(places), share_(share), rng_(rng) {
  CULVERT_CHECK(places >= 1 && share >= 1);
}

std::optional<Room::GuestId> Room::enter(GuestId id, const IpAddress& address) {
  const Guest guest{id, source_of(address)};
  const auto held = count(guest.source);
  if (held < share_ && guests_.size() < places_) {
    guests_.push_back(guest);
    return std::nullopt;
  }
  auto& leaves = guests_[held >= share_ ? one_of(guest.source, held) : any()];
  const auto left = leaves.id;
  leaves = guest;
  return left;
}

void Room::leave(GuestId id) {
  const auto found = std::find_if(guests_.begin(), guests_.end(),
                                  [&](const Guest& guest) { return guest.id == id; });
  if (found == guests_.end()) return;
  *found = guests_.back();
  guests_.pop_back();
}

std::size_t Room::held_by(const IpAddress& address) const { return count(source_of(address)); }

std::size_t Room::count(const IpAddress& source) const {
  return static_cast<std::size_t>(std::count_if(
      guests_.begin(), guests_.end(), [&](const Guest& guest) { return guest.source == source; }));
}

std::size_t Room::one_of(const IpAddress& source, std::size_t held) {
  auto skip = rng_.below(held);
  std::size_t at = 0;
  while (guests_[at].source != source || skip-- > 0) ++at;
  return at;
}

std::size_t Room::any() {
  const auto first = static_cast<std::size_t>(rng_.below(guests_.size()));
  const auto second = static_cast<std::size_t>(rng_.below(guests_.size()));
  return count(guests_[first].source) >= count(guests_[second].source) ? first : second;
}

}  // namespace culvert
