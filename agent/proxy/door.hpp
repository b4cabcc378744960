// A local port of the agent (of the proxy or of a forward): accepts connections and lets in those
// of the owner's programs. A Door on 127.0.0.1 also listens on [::1] with the same port, if that
// port is free.
//
// The way of a connection: kernel's backlog → full? → check of the owner (owners.hpp) → `entered`.
// While kMaxUnchecked connections wait for the check, further ones wait in the backlog. So a flood
// of connections by another user takes at most kMaxUnchecked descriptors, and none of the room for
// the owner's connections.
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

inline constexpr std::size_t kMaxUnchecked = 64;  // connections of one Door
inline constexpr Duration kFullLogPeriod = 60s;   // between two log lines about one full Door

// The objects that the Doors of one agent share.
struct DoorContext {
  OwnerCheck owner;
  std::shared_ptr<Room> room;
  std::shared_ptr<Farewells> farewells;

  static DoorContext make(runtime::Loop& loop, OwnerCheck owner);  // uses room_of_this_process()
};

struct DoorEvents {
  std::function<void(std::unique_ptr<runtime::ByteStream>)> entered;  // not started
  // Called before the check of the owner, which costs more. Empty: never full.
  std::function<bool()> full = {};
  std::function<void(std::unique_ptr<runtime::ByteStream>)> turned_away = {};  // full() was true
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

  Endpoint local_endpoint() const;  // of the IPv4 listener, where there are two

 private:
  class Impl;
  explicit Door(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Logs that a limit is reached: one line when it begins, then at most one in each kFullLogPeriod,
// with the number of connections refused since the last line.
class FullLog {
 public:
  FullLog(std::string what, std::size_t limit) : what_(std::move(what)), limit_(limit) {}
  bool refused(Now now, const Room& room);  // counts a refusal; true: wrote a log line
  std::uint64_t count() const { return count_; }

 private:
  std::string what_;
  std::size_t limit_;
  std::uint64_t count_ = 0;
  std::uint64_t since_ = 0;
  Instant next_{};
};

}  // namespace culvert::proxy
