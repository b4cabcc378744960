#include "agent/proxy/room.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace culvert::proxy {

std::size_t room_for_descriptors(std::size_t descriptors) {
  const auto left = descriptors > kOtherDescriptors ? (descriptors - kOtherDescriptors) / 2 : 0;
  return std::clamp(left, kLeastRoom, kMostRoom);
}

std::size_t room_of_this_process() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeastRoom;
  if (limit.rlim_cur == RLIM_INFINITY) return kMostRoom;
  return room_for_descriptors(static_cast<std::size_t>(limit.rlim_cur));
}

}  // namespace culvert::proxy
