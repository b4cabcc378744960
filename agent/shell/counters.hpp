// The agent's counters as Prometheus metrics: `culvert status --counters` prints them, and the
// listener of "metrics" in the configuration serves them.
//
//   Core, UdpSocket, Terminator, Proxy, log → agent_metrics() → runtime::Metrics → text
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/core/views.hpp"
#include "agent/proxy/proxy.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/core/rng.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/packet/udp.hpp"

namespace culvert::agent {

// Null: this agent has no such part.
struct CounterSources {
  const CoreCounters* core = nullptr;
  const StatusView* status = nullptr;
  const runtime::UdpCounters* udp = nullptr;
  const terminator::Counters* terminator = nullptr;
  const proxy::ProxyCounters* proxy = nullptr;
};
std::string agent_metrics(const CounterSources& sources);  // text exposition format 0.0.4

// Serves GET /metrics and /healthz on a loopback address. At most kMaxWatchers connections; a
// further one takes the place of another.
class MetricsDoor {
 public:
  static Result<std::unique_ptr<MetricsDoor>> open(runtime::Loop& loop, Rng& rng,
                                                   const Endpoint& at,
                                                   std::function<std::string()> metrics);
  ~MetricsDoor();
  MetricsDoor(const MetricsDoor&) = delete;
  MetricsDoor& operator=(const MetricsDoor&) = delete;
  Endpoint local_endpoint() const;

 private:
  struct Impl;
  explicit MetricsDoor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::agent
