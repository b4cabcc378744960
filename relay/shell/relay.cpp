#include "relay/shell/relay.hpp"

#include <algorithm>

#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "proto/runtime/stream/tls.hpp"
#include "proto/runtime/stream/waiting_room.hpp"
#include "relay/shell/admission.hpp"
#include "relay/shell/front.hpp"
#include "relay/shell/metrics.hpp"
#include "relay/shell/sessions.hpp"
#include "relay/shell/stun_server.hpp"

namespace culvert::relay {
namespace {

constexpr Duration kTryFor = 30s;  // how long clients should try to come back

std::vector<note::KnownKey> known(const std::vector<crypto::VerifyKey>& keys) {
  std::vector<note::KnownKey> out;
  for (const auto& key : keys) out.push_back({"ticket", key});
  return out;
}

// The share of one source. Behind a proxy that ends TLS, every connection has the same source.
std::size_t share_of(const Settings& settings) {
  return settings.plain ? settings.strangers : std::max<std::size_t>(settings.strangers / 4, 1);
}

Error named(const char* key, Error error) {
  error.message += std::string(" (set \"") + key + "\" to another address and port)";
  return error;
}

}  // namespace

struct Relay::Parts {
  Parts(runtime::Loop& on, Rng& random, Settings with, derp::RelayKeyPair key)
      : loop(on),
        settings(std::move(with)),
        admission(std::make_shared<Admission>()),
        core({.key = key.clone(),
              .open = settings.open,
              .max_connections = settings.max_connections,
              .bytes_per_second = settings.bytes_per_second},
             ticket_verifier(admission, key.public_key), random),
        sessions(loop, core),
        stun(random),
        front(loop, random, {key.public_key, settings.open && !settings.plain},
              {[this](auto stream) { sessions.add(std::move(stream)); },
               [this] { return !draining && admits(); }, [this] { return metrics(); }}),
        strangers(settings.strangers, share_of(settings), random),
        watchers(runtime::kMaxWatchers, runtime::kMaxWatchers, random),
        drained(loop, [this] { finish(); }) {
    admission->ticket_keys = known(settings.ticket_keys);
    if (settings.vendor) admission->vendor = trust::to_vendor_id(*settings.vendor);
  }

  Status listen(const Identity& identity);
  Status listen_stun();
  Status listen_metrics();
  bool admits() const { return settings.open || !admission->ticket_keys.empty(); }
  void answer_stun(std::span<Datagram> datagrams);
  std::string metrics() const {
    return expose(
        core, stun.counters(), tls ? tls->counters() : runtime::TlsCounters{},
        {front.refused(), strangers.size(), strangers.replaced(), runtime::log::dropped()});
  }
  void finish() {
    drained.cancel();
    if (auto call = std::move(done)) loop.defer(std::move(call));
  }

  runtime::Loop& loop;
  Settings settings;
  std::shared_ptr<Admission> admission;
  Core core;
  Sessions sessions;
  StunServer stun;
  Front front;
  runtime::WaitingRoom strangers;  // for the public listener
  runtime::WaitingRoom watchers;   // for the metrics listener, so that strangers cannot fill it
  std::shared_ptr<runtime::TlsServerContext> tls;
  std::unique_ptr<runtime::TcpListener> public_door, metrics_door;
  std::unique_ptr<runtime::UdpSocket> stun_socket;
  bool draining = false;
  std::function<void()> done;
  runtime::Timer drained;
};

Status Relay::Parts::listen(const Identity& identity) {
  if (identity.tls) {
    const auto shown =
        settings.open ? with_derp_certificate(identity, loop.now().wall) : *identity.tls;
    auto made = runtime::TlsServerContext::make(shown, {"http/1.1"});
    if (!made) return fail_with(made.error());
    tls = std::move(*made);
  }
  auto opened = runtime::TcpListener::open(
      loop, settings.listen,
      [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
        strangers.take_in(*stream, peer);
        if (!tls) return front.accept(std::move(stream), Door::kPublic);
        front.accept(runtime::TlsStream::server(loop, tls, std::move(stream)), Door::kPublic);
      });
  if (!opened) return fail_with(named("listen", opened.error()));
  public_door = std::move(*opened);
  return {};
}

Status Relay::Parts::listen_stun() {
  if (!settings.stun) return {};
  auto opened = runtime::UdpSocket::open(
      loop, *settings.stun, [this](std::span<Datagram> datagrams) { answer_stun(datagrams); });
  if (!opened) return fail_with(named("stun", opened.error()));
  stun_socket = std::move(*opened);
  return {};
}

Status Relay::Parts::listen_metrics() {
  if (!settings.metrics) return {};
  auto opened = runtime::TcpListener::open(
      loop, *settings.metrics,
      [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
        watchers.take_in(*stream, peer);
        front.accept(std::move(stream), Door::kMetrics);
      });
  if (!opened) return fail_with(named("metrics", opened.error()));
  metrics_door = std::move(*opened);
  return {};
}

void Relay::Parts::answer_stun(std::span<Datagram> datagrams) {
  const auto now = loop.now().steady;
  std::vector<Bytes> answers;
  std::vector<Datagram> batch;
  answers.reserve(datagrams.size());  // `batch` points into `answers`, which must not move
  for (const auto& datagram : datagrams) {
    if (auto answer = stun.handle(now, datagram.bytes, *endpoint_of(datagram.way))) {
      answers.push_back(std::move(*answer));
      batch.push_back({datagram.way, answers.back()});
    }
  }
  if (!batch.empty()) stun_socket->send(batch);  // clients repeat requests without an answer
}

Relay::Relay(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Relay::~Relay() = default;

Result<std::unique_ptr<Relay>> Relay::open(runtime::Loop& loop, Rng& rng, Settings settings,
                                           Identity identity) {
  auto parts = std::make_unique<Parts>(loop, rng, std::move(settings), identity.key.clone());
  if (auto ok = parts->listen(identity); !ok) return fail_with(ok.error());
  if (auto ok = parts->listen_stun(); !ok) return fail_with(ok.error());
  if (auto ok = parts->listen_metrics(); !ok) return fail_with(ok.error());
  return std::unique_ptr<Relay>(new Relay(std::move(parts)));
}

Endpoint Relay::listen_endpoint() const { return parts_->public_door->local_endpoint(); }
std::optional<Endpoint> Relay::stun_endpoint() const {
  if (!parts_->stun_socket) return std::nullopt;
  return parts_->stun_socket->local_endpoint();
}
std::optional<Endpoint> Relay::metrics_endpoint() const {
  if (!parts_->metrics_door) return std::nullopt;
  return parts_->metrics_door->local_endpoint();
}
const Core& Relay::core() const { return parts_->core; }
bool Relay::admits() const { return parts_->admits(); }
std::string Relay::metrics() const { return parts_->metrics(); }

void Relay::set_ticket_keys(const std::vector<crypto::VerifyKey>& keys) {
  parts_->admission->ticket_keys = known(keys);
  parts_->core.recheck_tickets(parts_->loop.now());
  parts_->sessions.settle();
}

void Relay::drain(std::function<void()> done) {
  auto& p = *parts_;
  p.draining = true;
  p.done = std::move(done);
  p.public_door.reset();
  p.drained.arm_in(p.settings.drain);
  p.sessions.on_empty([&p] { p.finish(); });
  p.core.begin_restart(p.loop.now(), p.settings.drain, kTryFor);
  p.sessions.settle();
}

}  // namespace culvert::relay
