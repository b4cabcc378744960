#include "agent/shell/counters.hpp"

#include <map>

#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/metrics.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/waiting_room.hpp"

namespace culvert::agent {
namespace {

class Sheet {
 public:
  void counter(const char* name, const char* help, std::uint64_t value, const char* labels = "") {
    metrics_.counter(name, help, labels).set(static_cast<std::int64_t>(value));
  }
  void gauge(const char* name, const char* help, std::uint64_t value, const char* labels = "") {
    metrics_.gauge(name, help, labels).set(static_cast<std::int64_t>(value));
  }
  std::string text() const { return metrics_.exposition(); }

 private:
  runtime::Metrics metrics_;
};

void add_wireguard(Sheet& out, const wireguard::Counters& from) {
  constexpr const char* kPackets = "culvert_agent_wireguard_packets_total";
  constexpr const char* kHelp = "packets sealed for peers and opened from peers";
  out.counter(kPackets, kHelp, from.packets_sealed, R"(direction="out")");
  out.counter(kPackets, kHelp, from.packets_opened, R"(direction="in")");
  constexpr const char* kDropped = "culvert_agent_wireguard_dropped_total";
  constexpr const char* kWhy = "packets and datagrams that WireGuard dropped";
  out.counter(kDropped, kWhy, from.packet_malformed, R"(reason="packet_malformed")");
  out.counter(kDropped, kWhy, from.packet_unroutable, R"(reason="no_peer")");
  out.counter(kDropped, kWhy, from.packet_staged_out, R"(reason="too_many_wait")");
  out.counter(kDropped, kWhy, from.datagram_malformed, R"(reason="datagram_malformed")");
  out.counter(kDropped, kWhy, from.index_unknown, R"(reason="no_session")");
  out.counter(kDropped, kWhy,
              from.mac1_wrong + from.initiation_forged + from.response_forged + from.cookie_forged +
                  from.transport_forged,
              R"(reason="forged")");
  out.counter(kDropped, kWhy, from.initiation_replayed + from.transport_replayed,
              R"(reason="replayed")");
  out.counter(kDropped, kWhy, from.initiation_unknown_peer, R"(reason="unknown_peer")");
  out.counter(kDropped, kWhy, from.source_limited + from.cookies_limited + from.initiation_too_soon,
              R"(reason="rate")");
  out.counter(kDropped, kWhy, from.transport_expired, R"(reason="expired")");
  out.counter(kDropped, kWhy, from.inner_malformed + from.inner_source_denied,
              R"(reason="inner_address")");
  out.counter(kDropped, kWhy, from.inner_ecn_dropped, R"(reason="ecn")");
  out.counter("culvert_agent_wireguard_sessions_total", "handshakes completed", from.sessions);
  out.counter("culvert_agent_wireguard_handshakes_given_up_total",
              "handshakes that no peer answered", from.handshakes_given_up);
  out.counter("culvert_agent_wireguard_cookies_total", "cookies sent under load",
              from.cookies_sent);
}

void add_core(Sheet& out, const CoreCounters& from) {
  add_wireguard(out, from.wireguard);
  constexpr const char* kPaths = "culvert_agent_path_messages_dropped_total";
  constexpr const char* kHelp = "STUN and disco messages that were dropped";
  out.counter(kPaths, kHelp, from.paths.malformed, R"(reason="malformed")");
  out.counter(kPaths, kHelp, from.paths.unknown_sender, R"(reason="unknown_sender")");
  out.counter(kPaths, kHelp, from.paths.forged, R"(reason="forged")");
  out.counter(kPaths, kHelp, from.paths.replayed, R"(reason="replayed")");
  out.counter(kPaths, kHelp, from.paths.unexpected, R"(reason="unexpected")");
  out.counter("culvert_agent_filter_refused_total", "packets that the grant filter refused",
              from.filter_refused);
  out.gauge("culvert_agent_peers", "nodes that a grant connects to this one", from.peers);
  out.gauge("culvert_agent_peers_direct", "peers that a direct path reaches", from.direct);
  out.gauge("culvert_agent_grants", "grants in force here", from.rights);
}

void add_status(Sheet& out, const StatusView& from) {
  out.gauge("culvert_agent_coordinator_connected", "1: connected to the coordinator",
            from.coordinator_connected ? 1 : 0);
  out.gauge("culvert_agent_relay_connected", "1: a relay is connected",
            from.relay_connected ? 1 : 0);
  out.gauge("culvert_agent_admitted", "1: this node's statement is in force",
            from.admitted ? 1 : 0);
  out.gauge("culvert_agent_locked", "1: culvert lock is in force", from.locked ? 1 : 0);
  out.gauge("culvert_agent_clock_ok", "0: the wall clock went back", from.clock_ok ? 1 : 0);
  out.gauge("culvert_agent_audit_ok", "0: the audit log cannot be written", from.audit_ok ? 1 : 0);
  out.gauge("culvert_agent_lease_fresh", "1: every grant that needs a lease has one",
            from.lease_fresh ? 1 : 0);
  out.gauge("culvert_agent_forked", "1: a root has two texts for its newest epoch",
            from.forked ? 1 : 0);
  for (const EndView& end : from.ends) {
    const auto labels = "what=\"" + std::string(trust::ending_name(end.what)) + "\"";
    out.gauge(
        "culvert_agent_ends_timestamp_seconds", "when a root, policy, renewal or admission ends",
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, end.when.seconds)), labels.c_str());
  }
}

void add_udp(Sheet& out, const runtime::UdpCounters& from) {
  constexpr const char* kDatagrams = "culvert_agent_udp_datagrams_total";
  constexpr const char* kBytes = "culvert_agent_udp_bytes_total";
  out.counter(kDatagrams, "UDP datagrams", from.sent, R"(direction="out")");
  out.counter(kDatagrams, "UDP datagrams", from.received, R"(direction="in")");
  out.counter(kBytes, "bytes of UDP datagrams", from.sent_bytes, R"(direction="out")");
  out.counter(kBytes, "bytes of UDP datagrams", from.received_bytes, R"(direction="in")");
  out.counter("culvert_agent_udp_dropped_total", "datagrams that the system did not take",
              from.dropped + from.errors);
}

void add_terminator(Sheet& out, const terminator::Counters& from) {
  constexpr const char* kName = "culvert_agent_flows_total";
  constexpr const char* kHelp = "connections to services, by how they went";
  out.counter(kName, kHelp, from.accepted, R"(result="accepted")");
  out.counter(kName, kHelp, from.denied, R"(result="denied")");
  out.counter(kName, kHelp, from.replaced, R"(result="replaced")");
  out.counter(kName, kHelp, from.foreign_name, R"(result="foreign_name")");
  out.counter(kName, kHelp, from.handshake_failed, R"(result="handshake_failed")");
  out.counter(kName, kHelp, from.upstream_failed, R"(result="upstream_failed")");
  out.counter(kName, kHelp, from.finished, R"(result="finished")");
  out.counter(kName, kHelp, from.cut, R"(result="cut")");
}

void add_proxy(Sheet& out, const proxy::ProxyCounters& from) {
  constexpr const char* kName = "culvert_agent_proxy_connections_total";
  constexpr const char* kHelp = "connections to the local proxy, by how they went";
  out.counter(kName, kHelp, from.accepted, R"(result="accepted")");
  out.counter(kName, kHelp, from.opened, R"(result="opened")");
  out.counter(kName, kHelp, from.refused, R"(result="refused")");
  out.counter(kName, kHelp, from.malformed, R"(result="malformed")");
  out.counter(kName, kHelp, from.foreign, R"(result="foreign")");
  out.counter(kName, kHelp, from.replaced, R"(result="replaced")");
  out.counter(kName, kHelp, from.full, R"(result="full")");
  out.gauge("culvert_agent_proxy_clients", "connections of the local proxy", from.clients);
}

}  // namespace

std::string agent_metrics(const CounterSources& sources) {
  Sheet out;
  if (sources.core != nullptr) add_core(out, *sources.core);
  if (sources.status != nullptr) add_status(out, *sources.status);
  if (sources.udp != nullptr) add_udp(out, *sources.udp);
  if (sources.terminator != nullptr) add_terminator(out, *sources.terminator);
  if (sources.proxy != nullptr) add_proxy(out, *sources.proxy);
  out.counter("culvert_agent_log_lines_dropped_total", "log lines dropped because nobody read them",
              runtime::log::dropped());
  return out.text();
}

struct MetricsDoor::Impl {
  Impl(runtime::Loop& l, Rng& rng, std::function<std::string()> m)
      : loop(l),
        watchers(runtime::kMaxWatchers, runtime::kMaxWatchers, rng),
        metrics(std::move(m)) {}

  void accepted(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& from) {
    watchers.take_in(*stream, from);
    const auto id = ++last;
    callers[id] = std::make_unique<runtime::HttpAcceptor>(
        loop, std::move(stream),
        [this, id](Result<http::RequestHead> head) { answer(id, std::move(head)); });
  }
  void answer(std::uint64_t id, const Result<http::RequestHead>& head) {
    const auto caller = std::move(callers[id]);
    callers.erase(id);
    if (!head) return;  // the acceptor has answered
    const http::HttpHeaders plain{{"Content-Type", "text/plain; version=0.0.4"}};
    if (head->method != "GET") return caller->answer(405, plain, "only GET is served here\n");
    if (head->target == "/healthz") return caller->answer(200, plain, "ok\n");
    if (head->target == "/metrics") return caller->answer(200, plain, metrics());
    caller->answer(404, plain, "not found\n");
  }

  runtime::Loop& loop;
  runtime::WaitingRoom watchers;
  std::function<std::string()> metrics;
  std::unique_ptr<runtime::TcpListener> listener;
  std::map<std::uint64_t, std::unique_ptr<runtime::HttpAcceptor>> callers;
  std::uint64_t last = 0;
};

MetricsDoor::MetricsDoor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsDoor::~MetricsDoor() = default;

Result<std::unique_ptr<MetricsDoor>> MetricsDoor::open(runtime::Loop& loop, Rng& rng,
                                                       const Endpoint& at,
                                                       std::function<std::string()> metrics) {
  auto impl = std::make_unique<Impl>(loop, rng, std::move(metrics));
  auto listener = runtime::TcpListener::open(
      loop, at,
      [raw = impl.get()](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& from) {
        raw->accepted(std::move(stream), from);
      });
  if (!listener) return fail_with(listener.error());
  impl->listener = std::move(*listener);
  return std::unique_ptr<MetricsDoor>(new MetricsDoor(std::move(impl)));
}

Endpoint MetricsDoor::local_endpoint() const { return impl_->listener->local_endpoint(); }

}  // namespace culvert::agent
