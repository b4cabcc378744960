// How many local connections the agent carries at once, for the proxy and all forwards together, so
// that descriptors are always left for the local API, the coordinator, the relays and the files.
//
// Each party (the proxy, one forward) may have one more connection while it has fewer than are
// free. So one greedy party gets half of the room, two get a third each, and the next party that
// comes always finds some: whoever fills the room takes from itself. Besides, each party has a
// limit of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace culvert::proxy {

inline constexpr std::size_t kMostRoom = 4096;         // connections
inline constexpr std::size_t kLeastRoom = 64;          // also where descriptors are few
inline constexpr std::size_t kOtherDescriptors = 256;  // left for everything else

// Half of the descriptors that are left: a connection has one here and may have one towards the
// mesh.
std::size_t room_for_descriptors(std::size_t descriptors);
std::size_t room_of_this_process();  // by its limit of descriptors (RLIMIT_NOFILE)

class Room {
 public:
  explicit Room(std::size_t capacity) : capacity_(capacity) {}

  std::size_t capacity() const { return capacity_; }
  std::size_t used() const { return used_; }

 private:
  friend class RoomParty;
  std::size_t capacity_;
  std::size_t used_ = 0;
};

// One party's part of the room. Everything stays on the loop's thread.
class RoomParty {
 public:
  RoomParty(std::shared_ptr<Room> room, std::size_t most) : room_(std::move(room)), most_(most) {}
  ~RoomParty() { room_->used_ -= mine_; }
  RoomParty(const RoomParty&) = delete;
  RoomParty& operator=(const RoomParty&) = delete;

  bool full() const { return mine_ >= most_ || mine_ >= room_->capacity_ - room_->used_; }
  bool enter() {  // false: full; otherwise leave() follows once
    if (full()) return false;
    ++mine_;
    ++room_->used_;
    return true;
  }
  void leave() {
    --mine_;
    --room_->used_;
  }
  std::size_t size() const { return mine_; }
  std::size_t most() const { return most_; }
  const Room& room() const { return *room_; }

 private:
  std::shared_ptr<Room> room_;
  std::size_t most_;
  std::size_t mine_ = 0;
};

}  // namespace culvert::proxy
