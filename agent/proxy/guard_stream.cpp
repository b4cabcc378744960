#include "agent/proxy/guard_stream.hpp"

#include <utility>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::proxy {

struct GuardStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(runtime::Loop& l, std::unique_ptr<runtime::ByteStream> c, OwnNames names,
       std::shared_ptr<Farewells> f, std::function<void(const Refusal&)> r)
      : loop(l),
        client(std::make_unique<runtime::ReplayStream>(l, std::move(c))),
        guard(std::move(names)),
        farewells(std::move(f)),
        refused(std::move(r)),
        timer(l, [this] { say_goodbye(); }) {}

  runtime::Loop& loop;
  std::unique_ptr<runtime::ReplayStream> client;  // null: closed, or given to the Farewells
  RequestGuard guard;
  std::shared_ptr<Farewells> farewells;
  std::function<void(const Refusal&)> refused;
  runtime::Timer timer;
  runtime::EventPort events;
  std::string goodbye;  // the answer to a refused request, not sent yet
  std::string why;

  void start();
  void on_data(ByteView bytes);
  void on_end();
  void carry_out(RequestGuard::Step step);
  void refuse(const Refusal& refusal);
  void say_goodbye();
  void hand_to_farewells();
};

void GuardStream::Impl::start() {
  const auto weak = weak_from_this();
  runtime::StreamEvents out;
  out.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->on_data(bytes);
  };
  out.end = [weak] {
    if (const auto self = weak.lock()) self->on_end();
  };
  out.drained = [weak] {
    if (const auto self = weak.lock()) self->events.drained();
  };
  out.closed = [weak](const runtime::Closing& error) {
    if (const auto self = weak.lock()) self->events.closed(error);
  };
  client->start(std::move(out));
}

void GuardStream::Impl::on_data(ByteView bytes) {
  if (guard.is_pipe()) return events.data(bytes);
  carry_out(guard.take(bytes));
}

void GuardStream::Impl::on_end() {
  carry_out(guard.end());
  if (goodbye.empty()) events.end();
}

void GuardStream::Impl::carry_out(RequestGuard::Step step) {
  if (!step.pass.empty()) events.data(step.pass);
  if (step.refusal && client) refuse(*step.refusal);
}

void GuardStream::Impl::refuse(const Refusal& refusal) {
  goodbye = render(refusal);
  why = refusal.text;
  if (const auto call = std::exchange(refused, nullptr)) call(refusal);
  if (guard.requests() == 0) return say_goodbye();
  client->pause();
  timer.arm_in(runtime::kLingerTime);
  events.end();
}

void GuardStream::Impl::say_goodbye() {
  if (!client) return;
  const auto held = shared_from_this();
  hand_to_farewells();
  events.closed(Error{ErrorCode::kDenied, why});
}

void GuardStream::Impl::hand_to_farewells() {
  timer.cancel();
  client->hand_over({});
  farewells->say(std::move(client), goodbye);
  client = nullptr;
}

GuardStream::GuardStream(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> client,
                         OwnNames names, std::shared_ptr<Farewells> farewells,
                         std::function<void(const Refusal&)> refused)
    : impl_(std::make_shared<Impl>(loop, std::move(client), std::move(names), std::move(farewells),
                                   std::move(refused))) {}
GuardStream::~GuardStream() { close(); }

void GuardStream::start(runtime::StreamEvents events) {
  impl_->events.set(std::move(events));
  impl_->start();
}

void GuardStream::write(ByteView bytes) {
  if (impl_->client) impl_->client->write(bytes);
}
std::size_t GuardStream::unsent() const { return impl_->client ? impl_->client->unsent() : 0; }

void GuardStream::finish() {
  if (!impl_->client) return;
  if (impl_->goodbye.empty()) return impl_->client->finish();
  impl_->loop.defer([weak = std::weak_ptr<Impl>(impl_)] {  // all of the answers are written
    if (const auto self = weak.lock()) self->say_goodbye();
  });
}

void GuardStream::close() {
  impl_->events.clear();
  if (!impl_->client) return;
  if (!impl_->goodbye.empty()) return impl_->hand_to_farewells();
  impl_->client->close();
  impl_->client = nullptr;
}

void GuardStream::pause() {
  if (impl_->client) impl_->client->pause();
}
void GuardStream::resume() {
  if (impl_->client && impl_->goodbye.empty()) impl_->client->resume();
}
std::size_t GuardStream::hold_little() {
  return impl_->client ? impl_->client->hold_little() : runtime::kLittle;
}

}  // namespace culvert::proxy
