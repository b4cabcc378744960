// The splices of one listener, each between a local connection and a service. The destructor ends
// all splices. The caller has entered the party's room for each splice; the Tunnels leave it when
// the splice ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "agent/proxy/room.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/splice.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::proxy {

class Tunnels {
 public:
  Tunnels(runtime::Loop& loop, RoomParty& party) : loop_(loop), party_(party) {}

  void add(std::unique_ptr<runtime::ByteStream> client,
           std::unique_ptr<runtime::ByteStream> service) {
    const auto id = next_id_++;
    runtime::SpliceOptions options;  // no idle limit: database sessions wait for people
    options.done = [this, id](const runtime::SpliceReport&) {
      party_.leave();
      open_.erase(id);
    };
    open_[id] = runtime::splice(loop_, std::move(client), std::move(service), std::move(options));
  }
  std::size_t size() const { return open_.size(); }

 private:
  runtime::Loop& loop_;
  RoomParty& party_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<runtime::Splice>> open_;
};

}  // namespace culvert::proxy
