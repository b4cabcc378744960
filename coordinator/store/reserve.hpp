// Room on the disk for revocations, so that they are durable also when the disk is full. The room
// is a file whose blocks are all written beforehand and then overwritten in place. On a file system
// that never overwrites blocks (Btrfs, ZFS) the room is not certain.
//
//   file     magic (16 bytes) ‖ record … ‖ u32 0, the rest is left over from before
//   record   u32 big-endian length ‖ SHA-256 of the payload ‖ payload (one batch)
//
// The list of records ends before the first record that is not whole.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kReserveBytes = std::size_t{4} << 20U;   // some 2,000 revocations
inline constexpr std::size_t kLeastReserve = std::size_t{64} << 10U;  // with less, left() is 0
inline constexpr std::size_t kTriedRoom = std::size_t{64} << 10U;

class Reserve {
 public:
  // Opens the file and takes over its batches. Makes a new file (0600) if there is none or the file
  // is too short. A full disk is no error: left() is 0 until try_room() has made the file whole.
  static Result<std::unique_ptr<Reserve>> open(std::string path);
  ~Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  Status append(const Batch& batch);  // durable on return; without `erase`
  const std::vector<Batch>& held() const { return held_; }
  Status clear();  // the store has all batches now
  // Makes the file whole if it is not. Then allocates some more room on the disk and frees it
  // again. Error: the disk has no room.
  Status try_room();
  std::size_t left() const;

 private:
  Reserve(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  Status load();
  Status make_whole();
  Status write(std::size_t at, ByteView bytes);
  tl::unexpected<Error> trouble(const char* doing) const;

  std::string path_;
  int descriptor_;
  bool whole_ = false;   // every block is on the disk
  std::size_t end_ = 0;  // where the next record begins
  std::vector<Batch> held_;
};

}  // namespace culvert::coordinator
