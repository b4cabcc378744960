// Counts of something per owner.
#pragma once

#include <cstddef>
#include <map>

namespace culvert::trust {

template <class Owner>
class Tally {
 public:
  void add(const Owner& owner) {
    ++counts_[owner];
    ++total_;
  }
  // The owner's count must not be zero.
  void remove(const Owner& owner) {
    const auto found = counts_.find(owner);
    if (--found->second == 0) counts_.erase(found);
    --total_;
  }
  std::size_t of(const Owner& owner) const {
    const auto found = counts_.find(owner);
    return found == counts_.end() ? 0 : found->second;
  }
  std::size_t total() const { return total_; }
  const std::map<Owner, std::size_t>& all() const { return counts_; }

 private:
  std::map<Owner, std::size_t> counts_;
  std::size_t total_ = 0;
};

}  // namespace culvert::trust
