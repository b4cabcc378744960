#include "proto/path/path_size.hpp"

#include <algorithm>

namespace culvert::path {

bool PathSize::may_search(Instant now) const {
  if (proven_ == kFullSize && missed_ == 0) return false;
  return missed_ > 0 || searches_ < kSizeTries || now - searched_ >= kSizeInterval;
}

void PathSize::searching(Instant now) {
  ++searches_;
  searched_ = now;
}

void PathSize::answered(std::size_t size) {
  if (size < kLeastSize) return;
  if (size < proven_) {
    below_ = std::max(below_, size);
    return;
  }
  proven_ = size;
  missed_ = 0;
}

bool PathSize::lost(std::size_t size) {
  if (proven_ == 0 || size != proven_) return false;
  if (++missed_ == 1) below_ = 0;
  if (missed_ < kSizeTries) return true;
  proven_ = below_;
  missed_ = searches_ = 0;
  return false;
}

}  // namespace culvert::path
