// Limits the local connections of the agent, for the proxy and all forwards together, so that
// descriptors are always left for the local API, the coordinator, the relays and the files.
//
// Each party (the proxy, one forward) may have one more connection while it has fewer than are
// free. So one greedy party gets half of the room, two get a third each, and a further party always
// finds some places free. Besides, each party has a limit of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace culvert::proxy {

inline constexpr std::size_t kMostRoom = 4096;         // connections
inline constexpr std::size_t kLeastRoom = 64;          // even when there are few descriptors
inline constexpr std::size_t kOtherDescriptors = 256;  // kept for everything else

// Half of the descriptors that are left after kOtherDescriptors: a connection needs one for the
// local client, and may need one towards the mesh.
std::size_t room_for_descriptors(std::size_t descriptors);
std::size_t room_of_this_process();  // by RLIMIT_NOFILE of this process

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

// One party's part of the room. Used on the loop's thread only.
class RoomParty {
 public:
  RoomParty(std::shared_ptr<Room> room, std::size_t most) : room_(std::move(room)), most_(most) {}
  ~RoomParty() { room_->used_ -= mine_; }
  RoomParty(const RoomParty&) = delete;
  RoomParty& operator=(const RoomParty&) = delete;

  bool full() const { return mine_ >= most_ || mine_ >= room_->capacity_ - room_->used_; }
  bool enter() {  // false: full. True: the caller must call leave() once
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
