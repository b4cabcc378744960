// The agent's metrics: each field of the counter structs shows, under the name and label that
// docs/operations/agent.md promises.
#include "agent/shell/counters.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::agent;

namespace {

bool shows(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("counters: what the mesh counts shows in the agent's metrics") {
  CoreCounters core;
  core.wireguard.packets_sealed = 1;
  core.wireguard.initiation_unknown_peer = 2;
  core.wireguard.inner_ecn_dropped = 3;
  core.wireguard.transport_forged = 4;
  core.wireguard.mac1_wrong = 5;
  core.paths.forged = 6;
  core.filter_refused = 7;
  core.peers = 8;
  core.rights = 9;
  const std::string text = agent_metrics({.core = &core});
  INFO(text);
  const std::string dropped = "culvert_agent_wireguard_dropped_total";
  CHECK(shows(text, "culvert_agent_wireguard_packets_total{direction=\"out\"} 1"));
  CHECK(shows(text, dropped + "{reason=\"unknown_peer\"} 2"));
  CHECK(shows(text, dropped + "{reason=\"ecn\"} 3"));
  CHECK(shows(text, dropped + "{reason=\"forged\"} 9"));
  CHECK(shows(text, "culvert_agent_path_messages_dropped_total{reason=\"forged\"} 6"));
  CHECK(shows(text, "culvert_agent_filter_refused_total 7"));
  CHECK(shows(text, "culvert_agent_peers 8"));
  CHECK(shows(text, "culvert_agent_grants 9"));
}

TEST_CASE("counters: a part that the agent does not have shows nothing") {
  CHECK(agent_metrics({}).find("culvert_agent_proxy") == std::string::npos);
  proxy::ProxyCounters proxy;
  proxy.refused = 3;
  const std::string text = agent_metrics({.proxy = &proxy});
  CHECK(shows(text, "culvert_agent_proxy_connections_total{result=\"refused\"} 3"));
  CHECK(text.find("culvert_agent_wireguard") == std::string::npos);
}
