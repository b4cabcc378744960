#include "proto/runtime/stream/waiting_room.hpp"

#include <functional>
#include <unordered_map>
#include <utility>

namespace culvert::runtime {

struct WaitingRoom::Inside {
  Inside(std::size_t places, std::size_t share, Rng& rng) : room(places, share, rng) {}

  Room room;
  std::unordered_map<Room::GuestId, TcpStream*> streams;  // a guest's Place removes its entry
  Room::GuestId last = 0;
  std::uint64_t replaced = 0;
};

namespace {

// A stream keeps this object; its destruction frees the stream's place in the room.
struct Place {
  explicit Place(std::function<void()> leave_with) : leave(std::move(leave_with)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { leave(); }
  std::function<void()> leave;
};

}  // namespace

WaitingRoom::WaitingRoom(std::size_t places, std::size_t share, Rng& rng)
    : inside_(std::make_shared<Inside>(places, share, rng)) {}

void WaitingRoom::take_in(TcpStream& stream, const Endpoint& peer) {
  auto& inside = *inside_;
  const auto id = ++inside.last;
  const auto gone = inside.room.enter(id, peer.address);
  inside.streams[id] = &stream;
  stream.limit(std::make_shared<Place>([id, weak = std::weak_ptr<Inside>(inside_)] {
    const auto there = weak.lock();
    if (!there) return;
    there->room.leave(id);
    there->streams.erase(id);
  }));
  if (!gone) return;
  ++inside.replaced;
  const auto node = inside.streams.extract(*gone);
  if (!node.empty()) {
    node.mapped()->abort({ErrorCode::kExhausted, "too many connections: a newer one came"});
  }
}

std::size_t WaitingRoom::size() const { return inside_->room.size(); }
std::uint64_t WaitingRoom::replaced() const { return inside_->replaced; }

}  // namespace culvert::runtime
