#include "agent/proxy/door.hpp"

#include <utility>

#include "proto/runtime/loop/log.hpp"

namespace culvert::proxy {

DoorContext DoorContext::make(runtime::Loop& loop, OwnerCheck owner) {
  return {std::move(owner), std::make_shared<Room>(room_of_this_process()),
          std::make_shared<Farewells>(loop)};
}

class Door::Impl : public std::enable_shared_from_this<Door::Impl> {
 public:
  Impl(runtime::Loop& loop, OwnerCheck owner, DoorEvents events)
      : loop_(loop), owner_(std::move(owner)), events_(std::move(events)) {}

  Status listen(const Endpoint& at) {
    const auto number = listeners_.size();
    auto listener = runtime::TcpListener::open(
        loop_, at,
        [this, number](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
          accept(std::move(stream), peer, listeners_[number]->local_endpoint());
        });
    if (!listener) return fail_with(listener.error());
    listeners_.push_back(std::move(*listener));
    return {};
  }

  Endpoint local_endpoint() const { return listeners_.front()->local_endpoint(); }

 private:
  void accept(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer,
              const Endpoint& local) {
    if (full()) return events_.turned_away(std::move(stream));
    if (++unchecked_ >= kMaxUnchecked) {
      for (const auto& listener : listeners_) listener->pause();
    }
    auto held = std::make_shared<std::unique_ptr<runtime::ByteStream>>(std::move(stream));
    owner_(peer, local, [weak = weak_from_this(), held](bool served) {
      if (const auto self = weak.lock()) self->checked(std::move(*held), served);
    });
  }

  void checked(std::unique_ptr<runtime::ByteStream> stream, bool served) {
    if (unchecked_-- >= kMaxUnchecked) {
      for (const auto& listener : listeners_) listener->resume();
    }
    if (!served) {
      if (events_.foreign) events_.foreign();
    } else if (full()) {
      events_.turned_away(std::move(stream));
    } else {
      events_.entered(std::move(stream));
    }
  }

  bool full() const { return events_.full && events_.full(); }

  runtime::Loop& loop_;
  OwnerCheck owner_;
  DoorEvents events_;
  std::size_t unchecked_ = 0;
  std::vector<std::unique_ptr<runtime::TcpListener>> listeners_;
};

Result<std::unique_ptr<Door>> Door::open(runtime::Loop& loop, const Endpoint& at, OwnerCheck owner,
                                         DoorEvents events) {
  if (!at.address.is_loopback()) {
    return fail(ErrorCode::kInvalid,
                "local ports are on loopback only, not on " + format(at.address));
  }
  auto impl = std::make_shared<Impl>(loop, std::move(owner), std::move(events));
  if (const auto listening = impl->listen(at); !listening) return fail_with(listening.error());
  if (at.address == IpAddress::v4(127, 0, 0, 1)) {
    const Endpoint also{*parse_address("::1"), impl->local_endpoint().port};
    if (const auto listening = impl->listen(also); !listening) {
      runtime::log::debug("a local port is on 127.0.0.1 alone",
                          {{"port", also.port}, {"why", listening.error()}});
    }
  }
  return std::unique_ptr<Door>(new Door(std::move(impl)));
}

Door::Door(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Door::~Door() = default;
Endpoint Door::local_endpoint() const { return impl_->local_endpoint(); }

bool FullLog::refused(Now now, const Room& room) {
  ++count_;
  ++since_;
  if (now.steady < next_) return false;
  next_ = now.steady + kFullLogPeriod;
  runtime::log::warn("a local port refuses connections: too many are open",
                     {{"port_of", what_},
                      {"limit", limit_},
                      {"refused", since_},
                      {"open_in_all", room.used()},
                      {"limit_in_all", room.capacity()}});
  since_ = 0;
  return true;
}

}  // namespace culvert::proxy
