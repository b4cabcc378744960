// Room on the disk that is set aside for revocations, so that they are durable also when the disk
// is full: a file whose blocks are all written beforehand and then overwritten in place. On a file
// system that never overwrites (Btrfs, ZFS) the room is not certain.
//
//   file     magic (16 bytes) ‖ record … ‖ u32 0, the rest is left over from before
//   record   u32 big-endian length ‖ SHA-256 of the payload ‖ payload (one batch)
//
// A record counts when it is whole; the first that is not ends the list.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kReserveBytes = std::size_t{4} << 20U;   // some 2,000 revocations
inline constexpr std::size_t kLeastReserve = std::size_t{64} << 10U;  // less counts as used up
inline constexpr std::size_t kTriedRoom = std::size_t{64} << 10U;

class Reserve {
 public:
  // Takes over the file and the batches that it holds; makes it (0600) where there is none or it is
  // too short. A full disk is no error here: then left() is 0 until try_room() has
  // made the file whole.
  static Result<std::unique_ptr<Reserve>> open(std::string path);
  ~Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  Status append(const Batch& batch);  // durable on return; its `erase` is left out
  const std::vector<Batch>& held() const { return held_; }
  Status clear();  // everything held is in the store now
  // Makes the file whole where it is not, then takes some more room from the disk and gives it
  // back. An error: the disk does not give the room.
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
