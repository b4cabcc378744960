// What every simulated program has: a place on the network, a wall clock of its own, deadlines.
#pragma once

#include <cstdio>
#include <string>

#include "tests/sim/network.hpp"
#include "tests/sim/oracle.hpp"

namespace culvert::sim {

// Shared by all hosts; lives in the World.
struct Context {
  Network& network;
  Oracle& oracle;
  Rng& rng;
  WallTime base;  // wall clock at Instant 0
  bool verbose = false;
};

class Host {
 public:
  Host(Context& context, std::string name, IpAddress address)
      : context_(context), id_(context.network.add_host(name, address)), name_(std::move(name)) {}
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  virtual void start() = 0;  // the program, on what the last one has stored
  virtual void crash() = 0;  // no last word to anyone
  virtual bool running() const = 0;
  virtual Instant next_deadline() const = 0;
  virtual void handle_timeout() = 0;

  HostId id() const { return id_; }
  const std::string& name() const { return name_; }
  void set_wall_offset(std::chrono::seconds offset) { offset_ = offset; }
  Now now() const {
    const auto steady = context_.network.now();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(Duration{steady.nanoseconds});
    return {steady, context_.base + (seconds + offset_)};
  }

 protected:
  void say(const std::string& what) const {
    if (!context_.verbose) return;
    const double at = static_cast<double>(context_.network.now().nanoseconds) / 1e9;
    std::printf("%10.3f %-12s %s\n", at, name_.c_str(), what.c_str());
  }

  Context& context_;

 private:
  HostId id_;
  std::string name_;
  std::chrono::seconds offset_{0};
};

}  // namespace culvert::sim
