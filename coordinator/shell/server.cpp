#include "coordinator/shell/server.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/core/rooms.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/runtime/loop/log.hpp"

namespace culvert::coordinator {
namespace log = runtime::log;

namespace {

// Behind a proxy that ends TLS every connection comes from the proxy's address.
std::size_t share_of(const Settings& settings) {
  return settings.plain ? settings.strangers : std::max<std::size_t>(settings.strangers / 4, 1);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(runtime::Loop& loop, const Settings& settings,
                                             std::shared_ptr<runtime::TlsServerContext> tls,
                                             CoreOptions options, Store& store, Rng& rng) {
  std::unique_ptr<Server> server(
      new Server(loop, settings, std::move(tls), std::move(options), store, rng));
  // Reads the version before the notes. Rows that another process adds in between are then read
  // twice, never missed.
  const auto version = store.version();
  if (!version) return fail_with(version.error());
  server->store_version_ = *version;
  if (auto loaded = server->core_.load(loop.now()); !loaded) return fail_with(loaded.error());
  if (auto listening = server->listen(settings); !listening) return fail_with(listening.error());
  server->trusted_proxies_ = {settings.trusted_proxies.begin(), settings.trusted_proxies.end()};
  server->probe_store();
  server->store_timer_.arm_in(kStorePoll);
  server->drain();
  return server;
}

Server::Server(runtime::Loop& loop, const Settings& settings,
               std::shared_ptr<runtime::TlsServerContext> tls, CoreOptions options, Store& store,
               Rng& rng)
    : loop_(loop),
      tls_(std::move(tls)),
      store_(store),
      rng_(rng),
      core_(std::move(options), store, rng),
      strangers_(settings.strangers, share_of(settings), rng),
      watchers_(runtime::kMaxWatchers, runtime::kMaxWatchers, rng),
      core_timer_(loop,
                  [this] {
                    core_.handle_timeout(loop_.now());
                    drain();
                  }),
      store_timer_(loop, [this] { look_at_store(); }) {}

Server::~Server() = default;

Status Server::listen(const Settings& settings) {
  const auto accept = [this](bool admin) {
    return [this, admin](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& from) {
      accepted(std::move(stream), from, admin);
    };
  };
  auto listener = runtime::TcpListener::open(loop_, settings.listen, accept(false));
  if (!listener) return fail_with(listener.error());
  listener_ = *std::move(listener);
  if (!settings.metrics) return {};
  auto admin = runtime::TcpListener::open(loop_, *settings.metrics, accept(true));
  if (!admin) return fail_with(admin.error());
  admin_ = *std::move(admin);
  return {};
}

std::optional<Endpoint> Server::metrics() const {
  return admin_ ? std::optional(admin_->local_endpoint()) : std::nullopt;
}

void Server::accepted(std::unique_ptr<runtime::TcpStream> accepted, const Endpoint& from,
                      bool admin) {
  (admin ? watchers_ : strangers_).take_in(*accepted, from);
  std::unique_ptr<runtime::ByteStream> stream = std::move(accepted);
  if (tls_ && !admin) stream = runtime::TlsStream::server(loop_, tls_, std::move(stream));
  const ConnectionId id{++last_id_};
  peers_[id].http = std::make_unique<runtime::HttpAcceptor>(
      loop_, std::move(stream), [this, id, from, admin](Result<http::RequestHead> head) {
        requested(id, head, from, admin);
      });
}

void Server::requested(ConnectionId id, const Result<http::RequestHead>& head, const Endpoint& from,
                       bool admin) {
  if (!head) {  // the acceptor has answered
    ++malformed_;
    peers_.erase(id);
    return;
  }
  if (head->method != "GET") return answer(id, 405, "only GET is served here\n");
  if (head->target == "/healthz") return answer(id, 200, "ok\n");
  if (head->target == "/readyz") {
    if (writable_) return answer(id, 200, "ok\n");
    // Strangers do not learn paths and system errors.
    const std::string why = admin ? ": " + writable_.error().message : "";
    return answer(id, 503, "the store is not usable" + why + "\n");
  }
  if (admin) {
    if (head->target == "/metrics") return answer(id, 200, render_metrics());
  } else if (head->target == control::kPath) {
    return upgrade(id, *head, from);
  }
  answer(id, 404, "not found\n");
}

void Server::answer(ConnectionId id, int status, std::string_view body) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  peer->second.http->answer(status, {{"Content-Type", "text/plain"}}, body);
  peers_.erase(peer);
}

void Server::upgrade(ConnectionId id, const http::RequestHead& head, const Endpoint& from) {
  const auto headers = runtime::websocket_accept(head);
  if (!headers) return answer(id, 426, "this is a WebSocket endpoint\n");
  auto& peer = peers_.at(id);
  auto stream = peer.http->upgrade(*headers);
  peer.http.reset();
  peer.socket = std::make_unique<runtime::WebSocketStream>(
      loop_, rng_, runtime::WebSocketRole::kServer, std::move(stream));
  core_.handle_opened(loop_.now(), id, source(head, from));
  peer.socket->start({
      [this, id](ByteView message) {
        core_.handle_message(loop_.now(), id, message);
        lift_limits(id);
        drain();
      },
      {},
      [this, id](const runtime::Closing& why) {
        if (why && why->code == ErrorCode::kInvalid) ++malformed_;
        core_.handle_closed(loop_.now(), id);
        peers_.erase(id);
        drain();
      },
  });
  drain();
}

void Server::lift_limits(ConnectionId id) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end() || !peer->second.stranger || !core_.knows(loop_.now(), id)) return;
  peer->second.stranger = false;
  peer->second.socket->lift_limits();
}

// If X-Forwarded-For occurs twice, the proxy itself is the source.
std::string Server::source(const http::RequestHead& head, const Endpoint& from) const {
  const auto hop = client_hop(from.address, head.headers.one("X-Forwarded-For"), trusted_proxies_);
  return hop == from.address ? format(from) : format(hop);
}

void Server::drain() {
  for (auto& effect : core_.take_effects()) {
    const auto id = std::visit([](const auto& e) { return e.connection; }, effect);
    const auto peer = peers_.find(id);
    if (peer == peers_.end() || !peer->second.socket) continue;
    auto& socket = *peer->second.socket;
    std::visit(overloaded{[&](const SendTo& send) { socket.send(send.record); },
                          // The event `closed` of the socket removes the peer.
                          [&](const CloseIt&) { socket.finish(); }},
               effect);
  }
  core_timer_.arm_at(core_.next_deadline());
}

// Probes the store on a timer, not for each /readyz, so that many requests cost no more than one.
void Server::probe_store() {
  probe_at_ = loop_.now().steady + kProbeEvery;
  const auto probed = store_.probe();
  if (writable_.has_value() != probed.has_value()) {
    if (probed) {
      log::info("the store takes statements again");
    } else {
      log::error("the store takes nothing but revocations",
                 {{"error", probed.error()}, {"revocations", store_.can_revoke() ? "yes" : "no"}});
    }
  }
  writable_ = probed;
}

void Server::look_at_store() {
  store_timer_.arm_in(kStorePoll);
  if (probe_at_ <= loop_.now().steady) probe_store();
  const auto version = store_.version();
  if (!version || *version == store_version_) return;
  store_version_ = *version;
  if (auto loaded = core_.reload(loop_.now()); !loaded) {
    log::error("cannot read the store after another process has changed it",
               {{"error", loaded.error()}});
  } else {
    log::info("another process has changed the store: read it again",
              {{"statements", core_.counters().notes}});
  }
  drain();
}

std::string Server::render_metrics() {
  const auto now = core_.counters();
  const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    metrics_.gauge(name, help).set(static_cast<std::int64_t>(value));
  };
  const auto count = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    metrics_.counter(name, help).set(static_cast<std::int64_t>(value));
  };
  gauge("culvert_coordinator_connections", "open control connections", now.connections);
  gauge("culvert_coordinator_nodes", "nodes connected", now.nodes_connected);
  gauge("culvert_coordinator_statements", "statements held", now.notes);
  gauge("culvert_coordinator_unproven", "connections that have proven nothing yet", now.unproven);
  gauge("culvert_coordinator_waiting_devices", "devices that wait for admission",
        now.waiting_devices);
  gauge("culvert_coordinator_takes_statements", "1; 0 while the store takes revocations at most",
        now.takes_statements && writable_ ? 1 : 0);
  gauge("culvert_coordinator_leases_stopped",
        "1 while no lease is signed because a revocation would not be durable",
        now.leases_stopped ? 1 : 0);
  count("culvert_coordinator_refused_rates_total", "messages of parties that asked too often",
        now.refused_rates);
  count("culvert_coordinator_new_agents_total", "agents that a site did not have before",
        now.new_agents);
  count("culvert_coordinator_refused_connections_total", "hellos refused, or no room",
        now.refused_connections);
  gauge("culvert_coordinator_strangers", "connections without a proof", strangers_.size());
  count("culvert_coordinator_strangers_replaced_total",
        "connections without a proof reset for newer ones", strangers_.replaced());
  count("culvert_coordinator_log_lines_dropped_total",
        "log lines that standard error had no room for", log::dropped());
  count("culvert_coordinator_malformed_total",
        "TLS, HTTP, frames, records and messages that broke the protocol",
        now.malformed + malformed_);
  count("culvert_coordinator_refused_statements_total", "statements that did not verify",
        now.refused_statements);
  count("culvert_coordinator_leases_total", "leases signed", now.leases);
  count("culvert_coordinator_tickets_total", "tickets signed", now.tickets);
  count("culvert_coordinator_store_failures_total", "commits and loads that failed",
        now.store_failures);
  return metrics_.exposition() + render_endings();
}

// Names of sites and of the vendor are domain names, which need no escaping.
std::string Server::render_endings() const {
  constexpr std::string_view kName = "culvert_coordinator_ends_timestamp_seconds";
  std::string out;
  for (const auto& ends : core_.endings()) {
    if (out.empty()) {
      out = "# HELP " + std::string(kName) + " when a root or a policy ends\n# TYPE " +
            std::string(kName) + " gauge\n";
    }
    out += std::string(kName) + "{what=\"" + std::string(trust::ending_name(ends.what)) +
           "\",of=\"" + ends.of + "\"} " + std::to_string(ends.when.seconds) + "\n";
  }
  return out;
}

}  // namespace culvert::coordinator
