#include "coordinator/core/login_bytes.hpp"

namespace culvert::coordinator {

void LoginBytes::add(const std::string& source, ConnectionId id, std::size_t bytes) {
  if (bytes == 0) return;
  auto& held = held_[id];
  if (held.bytes == 0) {
    held.source = source;
    by_source_.add(source, id);
  }
  held.bytes += bytes;
  total_ += bytes;
  const auto before = bytes_[held.source];
  resize(held.source, before, before + bytes);
}

void LoginBytes::remove(ConnectionId id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  const auto& held = found->second;
  total_ -= held.bytes;
  const auto before = bytes_.at(held.source);
  resize(held.source, before, before - held.bytes);
  by_source_.remove(id);
  held_.erase(found);
}

std::size_t LoginBytes::of(ConnectionId id) const {
  const auto found = held_.find(id);
  return found == held_.end() ? 0 : found->second.bytes;
}

ConnectionId LoginBytes::any_of_fullest(Rng& rng) const {
  CULVERT_CHECK(!sizes_.empty());
  return by_source_.any_of(sizes_.rbegin()->second, rng);
}

void LoginBytes::resize(const std::string& source, std::size_t before, std::size_t after) {
  sizes_.erase({before, source});
  if (after == 0) {
    bytes_.erase(source);
    return;
  }
  sizes_.emplace(after, source);
  bytes_[source] = after;
}

}  // namespace culvert::coordinator
