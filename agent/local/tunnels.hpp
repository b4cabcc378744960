// The splices of one listener: local connection to service. Ends them all when destroyed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "proto/runtime/loop.hpp"
#include "proto/runtime/splice.hpp"
#include "proto/runtime/stream.hpp"

namespace culvert::local {

class Tunnels {
 public:
  explicit Tunnels(runtime::Loop& loop) : loop_(loop) {}

  void add(std::unique_ptr<runtime::ByteStream> client,
           std::unique_ptr<runtime::ByteStream> service) {
    const auto id = next_id_++;
    runtime::SpliceOptions options;  // no idle limit: database sessions wait for people
    options.done = [this, id](const runtime::SpliceReport&) { open_.erase(id); };
    open_[id] = runtime::splice(loop_, std::move(client), std::move(service), std::move(options));
  }
  std::size_t size() const { return open_.size(); }

 private:
  runtime::Loop& loop_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<runtime::Splice>> open_;
};

}  // namespace culvert::local
