#include "relay/shell/sessions.hpp"

#include "proto/runtime/stream/refill.hpp"

namespace culvert::relay {

Sessions::Sessions(runtime::Loop& loop, Core& core)
    : loop_(loop), core_(core), timer_(loop, [this] {
        armed_ = Instant::never();
        const auto now = loop_.now();
        while (!lingering_.empty() && lingering_.front().first <= now.steady) {
          lingering_.pop_front();
        }
        core_.handle_timeout(now);
        settle();
      }) {}

void Sessions::add(std::unique_ptr<runtime::ByteStream> stream) {
  const auto id = next_id_++;
  const std::size_t low_water = stream->hold_little();
  auto& held = *streams_.emplace(id, Held{std::move(stream), low_water}).first->second.stream;
  core_.handle_open(loop_.now(), id);
  settle();
  if (!streams_.contains(id)) return;  // the core refused the connection, and `held` is invalid
  held.start({
      .data =
          [this, id](ByteView bytes) {
            core_.handle_bytes(loop_.now(), id, bytes);
            settle();
          },
      .end =
          [this, id] {
            core_.handle_closed(loop_.now(), id);
            streams_.erase(id);
            settle();
          },
      .drained = [this, id] { flush(id); },
      .closed =
          [this, id](const runtime::Closing&) {
            core_.handle_closed(loop_.now(), id);
            streams_.erase(id);
            settle();
          },
  });
}

void Sessions::settle() {
  core_.drain(effects_);
  for (const auto id : effects_.logged_in) {
    if (const auto found = streams_.find(id); found != streams_.end()) {
      found->second.stream->lift_limits();
    }
  }
  for (const auto id : effects_.writable) flush(id);
  for (auto& close : effects_.closes) end(std::move(close));
  if (streams_.empty() && on_empty_) std::exchange(on_empty_, nullptr)();
  arm();
}

void Sessions::flush(ConnectionId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  runtime::refill(*found->second.stream, found->second.low_water, buffer_,
                  [&](std::size_t room, Bytes& out) { core_.pull(loop_.now(), id, room, out); });
}

void Sessions::end(Close close) {
  const auto found = streams_.find(close.id);
  if (found == streams_.end()) return;
  auto stream = std::move(found->second.stream);
  streams_.erase(found);
  if (close.last.empty()) return;  // without a last frame the stream is just closed
  stream->write(close.last);
  stream->finish();
  lingering_.emplace_back(loop_.now().steady + runtime::kLingerTime, std::move(stream));
}

void Sessions::arm() {
  auto next = core_.next_deadline();
  if (!lingering_.empty()) next = std::min(next, lingering_.front().first);
  if (next == armed_) return;
  armed_ = next;
  timer_.arm_at(next);
}

}  // namespace culvert::relay
