// Host: the base of every simulated program. A host has a place on the network, a wall clock and
// deadlines.
#pragma once

#include <cstdio>
#include <map>
#include <string>

#include "tests/sim/network.hpp"
#include "tests/sim/oracle.hpp"

namespace culvert::sim {

inline constexpr std::chrono::seconds kMaxSkew{10};  // of a clock that no fault has set wrong

// Shared by all hosts; lives in the World.
struct Context {
  Network& network;
  Oracle& oracle;
  Rng& rng;
  WallTime base;  // wall clock at Instant 0
  bool verbose = false;
  Instant calm = Instant::never();  // the time from which all faults are over
  Instant news;                     // the last event that may wait for a person
  // For laptops with one process at a time, by mesh address: the first port of the present process,
  // and the time of its start.
  std::map<IpAddress, std::pair<std::uint16_t, Instant>> processes = {};
};

class Host {
 public:
  Host(Context& context, std::string name, const Place& place)
      : context_(context), id_(context.network.add_host(name, place)), name_(std::move(name)) {}
  Host(const Host& original, std::string name, const Place& place)
      : Host(original.context_, std::move(name), place) {
    skew_ = original.skew_;
    error_ = original.error_;
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  virtual void start() = 0;  // starts the program on the stored state
  virtual void crash() = 0;  // ends the program without sending anything
  virtual bool running() const = 0;
  virtual Instant next_deadline() const = 0;
  virtual void handle_timeout() = 0;

  HostId id() const { return id_; }
  const std::string& name() const { return name_; }
  const Place& place() const { return context_.network.place(id_); }
  // The error of the host's wall clock has two parts: a small natural error, and an error from a
  // fault.
  void set_skew(std::chrono::seconds skew) { skew_ = skew; }
  void set_clock(std::chrono::seconds error) {
    error_ = error;
    context_.oracle.clock_set(context_.network.now(), id_);
  }
  Now now() const {
    const auto steady = context_.network.now();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(Duration{steady.nanoseconds});
    return {steady, context_.base + (seconds + skew_ + error_)};
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
  std::chrono::seconds skew_{0};
  std::chrono::seconds error_{0};
};

}  // namespace culvert::sim
