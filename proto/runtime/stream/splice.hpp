// Joins two streams both ways: bytes, half-close and backpressure (a stream is paused while the
// other one has more than kHighWater unsent). The streams are not start()ed yet; the splice owns
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
  kCut,       // the owner called cut()
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

// The destructor closes both streams without calling `done`; it is safe inside `done`.
class Splice {
 public:
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  void cut();  // closes both streams, then calls `done` with kCut; no effect after the end
  std::uint64_t a_to_b() const;
  std::uint64_t b_to_a() const;
  Instant last_byte() const;  // last byte either way; known only with SpliceOptions::idle

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
