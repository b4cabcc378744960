// Bytes of a connection that a codec uses up from the front. add() only lends the bytes of one
// read; keep() copies what is left of them, so that bytes which are used at once are never copied
// here.
#pragma once

#include "proto/core/bytes.hpp"

namespace culvert::http {

class Input {
 public:
  // `bytes` must stay valid until keep() or clear().
  void add(ByteView bytes) {
    keep();
    if (kept_.empty()) {
      rest_ = bytes;
      return;
    }
    append(kept_, bytes);
    rest_ = kept_;
  }
  void keep() {
    if (rest_.empty()) return clear();
    const bool lent = kept_.empty();
    if (lent) {
      kept_.assign(rest_.begin(), rest_.end());
    } else {
      kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(rest_.size()));
    }
    rest_ = kept_;
  }

  ByteView view() const { return rest_; }
  std::size_t size() const { return rest_.size(); }
  bool empty() const { return rest_.empty(); }
  void use(std::size_t count) { rest_ = rest_.subspan(count); }  // at most size()
  void clear() {
    kept_.clear();
    rest_ = {};
  }

 private:
  Bytes kept_;     // empty while the bytes are lent
  ByteView rest_;  // the bytes that are not used yet: of kept_, or lent
};

}  // namespace culvert::http
