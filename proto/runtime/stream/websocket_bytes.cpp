#include "proto/runtime/stream/websocket.hpp"

#include <algorithm>

namespace culvert::runtime {
namespace {

constexpr std::size_t kPiece = 256U << 10U;  // a larger write becomes several messages

class WebSocketByteStream final : public ByteStream {
 public:
  WebSocketByteStream(Loop& loop, Rng& rng, WebSocketRole role, std::unique_ptr<ByteStream> inner)
      : socket_(loop, rng, role, std::move(inner)) {}

  void start(StreamEvents given) override {
    const auto events = std::make_shared<StreamEvents>(std::move(given));
    WebSocketEvents out;
    out.message = [events](ByteView bytes) {
      if (events->data && !bytes.empty()) events->data(bytes);
    };
    out.drained = events->drained;
    out.closed = [events, alive = std::weak_ptr<bool>(alive_)](const Closing& why) {
      if (!why && events->end) events->end();
      if (!alive.expired() && events->closed) events->closed(why);
    };
    socket_.start(std::move(out));
  }
  void write(ByteView bytes) override {
    if (finished_) return;
    while (!bytes.empty()) {
      const auto take = std::min(kPiece, bytes.size());
      socket_.send(bytes.first(take));
      bytes = bytes.subspan(take);
    }
  }
  std::size_t unsent() const override { return socket_.unsent(); }
  void finish() override {
    finished_ = true;
    socket_.finish();
  }
  void close() override {
    alive_.reset();
    socket_.close();
  }
  void pause() override { socket_.pause(); }
  void resume() override { socket_.resume(); }
  bool limited() const override { return socket_.limited(); }
  void lift_limits() override { socket_.lift_limits(); }

 private:
  WebSocketStream socket_;
  bool finished_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // reset when the owner closes
};

}  // namespace

std::unique_ptr<ByteStream> websocket_byte_stream(Loop& loop, Rng& rng, WebSocketRole role,
                                                  std::unique_ptr<ByteStream> inner) {
  return std::make_unique<WebSocketByteStream>(loop, rng, role, std::move(inner));
}

}  // namespace culvert::runtime
