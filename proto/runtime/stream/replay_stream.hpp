// A stream that one owner hands over to the next: start() may be called again, and bytes that the
// first owner read too far are given back and delivered first. Between owners the stream is paused.
#pragma once

#include <memory>

#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

class ReplayStream final : public ByteStream {
 public:
  ReplayStream(Loop& loop, std::unique_ptr<ByteStream> inner);
  ~ReplayStream() override;

  void hand_over(ByteView unread);  // stops events; the next start() begins with `unread`

  void start(StreamEvents events) override;
  void write(ByteView bytes) override;
  std::size_t unsent() const override;
  void finish() override;
  void close() override;
  void pause() override;
  void resume() override;
  std::size_t hold_little() override;
  bool limited() const override;
  void lift_limits() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
