// A stream whose peer reads nothing until the test lets it: bytes written meanwhile stay unsent.
#pragma once

#include <memory>

#include "proto/runtime/stream/stream.hpp"

namespace culvert::test {

class HeldStream final : public runtime::ByteStream {
 public:
  // What the test keeps, since the code under test owns and may destroy the stream.
  struct Hold {
    std::unique_ptr<runtime::ByteStream> inner;  // null once the stream is closed
    Bytes queue;                                 // written and not sent
    bool held = true;
    bool finish = false;

    void let_go() {
      held = false;
      if (!inner) return;
      inner->write(queue);
      queue.clear();
      if (finish) inner->finish();
    }
  };

  HeldStream(std::unique_ptr<runtime::ByteStream> inner, std::shared_ptr<Hold> hold)
      : hold_(std::move(hold)) {
    hold_->inner = std::move(inner);
  }
  ~HeldStream() override { close(); }

  void start(runtime::StreamEvents events) override {
    if (hold_->inner) hold_->inner->start(std::move(events));
  }
  void write(ByteView bytes) override {
    if (hold_->held) return append(hold_->queue, bytes);
    if (hold_->inner) hold_->inner->write(bytes);
  }
  std::size_t unsent() const override {
    return hold_->queue.size() + (hold_->inner ? hold_->inner->unsent() : 0);
  }
  void finish() override {
    hold_->finish = true;
    if (!hold_->held && hold_->inner) hold_->inner->finish();
  }
  void close() override {
    hold_->inner.reset();
    hold_->queue.clear();
  }
  void pause() override {
    if (hold_->inner) hold_->inner->pause();
  }
  void resume() override {
    if (hold_->inner) hold_->inner->resume();
  }

 private:
  std::shared_ptr<Hold> hold_;
};

// Lets everything happen that needs no time: nothing new comes after so many turns of the loop.
#define RUN_UNTIL_QUIET(loop)                                \
  do {                                                       \
    int turns = 0;                                           \
    RUN_UNTIL((loop), ((loop).defer([] {}), ++turns > 200)); \
  } while (false)

}  // namespace culvert::test
