// Joins two streams both ways: bytes, half-close and backpressure (a reader is paused while the
// other side has more than kHighWater unsent). Not yet start()ed streams are given; the splice owns
// and starts them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "proto/core/time.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

enum class SpliceEnd {
  kFinished,  // both sides finished cleanly
  kIdle,      // no byte either way for the idle time
  kCut,       // cut()
  kBroken,    // one side closed with an error; the other was closed too
};

struct SpliceReport {
  std::uint64_t a_to_b = 0;  // bytes read from a
  std::uint64_t b_to_a = 0;
  SpliceEnd end = SpliceEnd::kFinished;
  Error error;  // for kBroken
};

struct SpliceOptions {
  Duration idle = Duration::zero();               // zero: no limit
  std::function<void(const SpliceReport&)> done;  // once, from the loop or from cut()
};

// Destroying it closes both streams without calling `done`; it may be destroyed inside `done`.
class Splice {
 public:
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  void cut();  // closes both now, then calls `done` with kCut; nothing when it has ended
  std::uint64_t a_to_b() const;
  std::uint64_t b_to_a() const;
  Instant last_byte() const;  // either way; with an idle time only

 private:
  friend std::unique_ptr<Splice> splice(Loop&, std::shared_ptr<ByteStream>,
                                        std::shared_ptr<ByteStream>, SpliceOptions);
  struct Impl;
  explicit Splice(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

[[nodiscard]] std::unique_ptr<Splice> splice(Loop& loop, std::shared_ptr<ByteStream> a,
                                             std::shared_ptr<ByteStream> b, SpliceOptions options);

}  // namespace culvert::runtime
