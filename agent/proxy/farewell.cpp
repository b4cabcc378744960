#include "agent/proxy/farewell.hpp"

#include <utility>

namespace culvert::proxy {

void Farewells::say(std::unique_ptr<runtime::ByteStream> stream, const std::string& answer) {
  if (open_.size() >= kMaxFarewells) return;
  stream->write(view(answer));
  stream->finish();
  begin(std::move(stream), nullptr);
}

void Farewells::say_by_first_bytes(std::unique_ptr<runtime::ByteStream> stream, Answer answer) {
  if (open_.size() >= kMaxFarewells) return;
  begin(std::move(stream), std::move(answer));
}

void Farewells::begin(std::unique_ptr<runtime::ByteStream> stream, Answer answer) {
  const auto id = next_id_++;
  auto& one = open_[id];
  one.stream = std::move(stream);
  one.answer = std::move(answer);
  one.timer = std::make_unique<runtime::Timer>(loop_, [this, id] { end(id); });
  one.timer->arm_in(runtime::kLingerTime);
  runtime::StreamEvents events;
  events.data = [this, id](ByteView bytes) { on_data(id, bytes); };
  events.end = [this, id] { end(id); };
  events.closed = [this, id](const runtime::Closing&) { end(id); };
  one.stream->start(std::move(events));
  one.stream->resume();
}

void Farewells::on_data(std::uint64_t id, ByteView bytes) {
  auto& one = open_.at(id);
  const auto answer = std::exchange(one.answer, nullptr);
  if (!answer) return;
  const auto words = answer(bytes);
  if (words.empty()) return end(id);
  one.stream->write(view(words));
  one.stream->finish();
}

void Farewells::end(std::uint64_t id) { open_.erase(id); }

}  // namespace culvert::proxy
