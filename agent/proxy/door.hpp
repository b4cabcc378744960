// A local port of the agent (the proxy's, a forward's): accepts connections and lets in those of
// the owner's programs. On 127.0.0.1 it listens on [::1] with the same port as well, where that can
// be had.
//
// A connection goes: kernel's backlog → full? → check of the owner (owners.hpp) → `entered`. While
// kMaxUnchecked connections wait for the check, further ones wait in the backlog, so a flood of
// connections by another user costs descriptors within that bound and nothing of the owner's room.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/proxy/farewell.hpp"
#include "agent/proxy/owners.hpp"
#include "agent/proxy/room.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::proxy {

inline constexpr std::size_t kMaxUnchecked = 64;  // of one door
inline constexpr Duration kFullLogPeriod = 60s;   // between two log lines about one full door

// What the doors of one agent share.
struct DoorContext {
  OwnerCheck owner;
  std::shared_ptr<Room> room;
  std::shared_ptr<Farewells> farewells;

  static DoorContext make(runtime::Loop& loop, OwnerCheck owner);  // room of this process
};

struct DoorEvents {
  std::function<void(std::unique_ptr<runtime::ByteStream>)> entered;  // not started
  // Asked before the costlier check of the owner; without it there is always room.
  std::function<bool()> full = {};
  std::function<void(std::unique_ptr<runtime::ByteStream>)> turned_away = {};  // because it is full
  std::function<void()> foreign = {};  // another user's process was refused
};

class Door {
 public:
  // `at` is a loopback address; port 0 takes a free one.
  static Result<std::unique_ptr<Door>> open(runtime::Loop& loop, const Endpoint& at,
                                            OwnerCheck owner, DoorEvents events);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  Endpoint local_endpoint() const;  // the first one: 127.0.0.1 where it listens on two

 private:
  class Impl;
  explicit Door(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Says that a limit is reached: one log line when it begins, then at most one each kFullLogPeriod
// with the number of connections that were refused since.
class FullLog {
 public:
  FullLog(std::string what, std::size_t limit) : what_(std::move(what)), limit_(limit) {}
  bool refused(Now now, const Room& room);  // true: it has logged
  std::uint64_t count() const { return count_; }

 private:
  std::string what_;
  std::size_t limit_;
  std::uint64_t count_ = 0;
  std::uint64_t since_ = 0;
  Instant next_{};
};

}  // namespace culvert::proxy
