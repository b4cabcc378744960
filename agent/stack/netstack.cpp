#include "agent/stack/netstack.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/stack/connection.hpp"
#include "agent/stack/local_ports.hpp"
#include "agent/stack/outgoing.hpp"
#include "agent/stack/port.hpp"
#include "agent/stack/segment.hpp"
#include "lwip/ip6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "proto/ip/packet.hpp"
#include "proto/ip/path_mtu.hpp"
#include "proto/runtime/loop/timer.hpp"

namespace culvert::stack {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(TCP_TMR_INTERVAL);
constexpr std::size_t kHeaders = ip::kIpv6HeaderSize + ip::kTcpHeaderSize;

constexpr const char* kStartedAnew = "the other side has restarted";

static_assert(kMaxAddresses + 1 == LWIP_IPV6_NUM_ADDRESSES);
static_assert(kMaxConnections == MEMP_NUM_TCP_PCB);
static_assert(kMaxListeners == MEMP_NUM_TCP_PCB_LISTEN);

}  // namespace

class Netstack::Impl : public std::enable_shared_from_this<Netstack::Impl> {
 public:
  Impl(runtime::Loop& loop, Rng& rng, NetstackOptions options, Output output)
      : loop_(loop), output_(std::move(output)), timer_(loop, [this] { tick(); }) {
    port_.rng = &rng;
    rng.fill(port_.sequence_key);
    port_.now = options.clock ? std::move(options.clock) : [this] { return loop_.now().steady; };
    port_.timer_needed = [this] { tick_soon(); };
    set_port(&port_);
    netif_add_noaddr(&netif_, this, &set_up, nullptr);
    netif_.mtu = options.mtu;
    netif_set_default(&netif_);
    netif_set_link_up(&netif_);
    netif_set_up(&netif_);
  }

  // Ends the stack, also inside a turn. No event follows.
  void shut_down() {
    stopped_ = true;
    timer_.cancel();
    for (const auto& [key, connection] : std::exchange(connections_, {})) connection->orphan();
    while (tcp_active_pcbs != nullptr) tcp_abort(tcp_active_pcbs);
    while (tcp_resting_pcbs != nullptr) tcp_abort(tcp_resting_pcbs);
    while (tcp_watched_pcbs != nullptr) tcp_abort(tcp_watched_pcbs);
    while (tcp_tw_pcbs != nullptr) tcp_abort(tcp_tw_pcbs);
    for (const auto& [endpoint, listener] : listeners_) tcp_close(listener->pcb);
    netif_remove(&netif_);
    set_port(nullptr);
  }

  void input(std::span<const ByteView> packets) {
    const auto self = shared_from_this();  // events may drop every other reference
    tell_time();
    for (const auto& packet : packets) {
      ++counters_.packets_in;
      if (is_plain(packet)) {
        ip6_input(copy_packet(packet), &netif_);
      } else if (!lower_mss(packet)) {
        ++counters_.dropped_in;
      }
    }
    reset_unsound();
    if (scheduled_) turn();  // answers the whole batch of packets at once
  }

  Status add_address(const IpAddress& address) {
    if (address.is_v4()) return fail(ErrorCode::kInvalid, "a mesh address is IPv6");
    const auto wanted = to_lwip(address);
    s8_t slot = -1;
    if (netif_add_ip6_address(&netif_, &wanted, &slot) != ERR_OK) {
      return fail(ErrorCode::kExhausted,
                  "more than " + std::to_string(kMaxAddresses) + " service addresses in one agent");
    }
    netif_ip6_addr_set_state(&netif_, slot, IP6_ADDR_PREFERRED);
    return {};
  }

  void remove_address(const IpAddress& address) {
    cut_if([&](const Endpoint& local, const Endpoint&) { return local.address == address; });
    for (auto it = listeners_.begin(); it != listeners_.end();) {
      const auto endpoint = (it++)->first;
      if (endpoint.address == address) unlisten(endpoint);
    }
    const auto gone = to_lwip(address);
    const s8_t slot = netif_get_ip6_addr_match(&netif_, &gone);
    if (slot >= 0) netif_ip6_addr_set_state(&netif_, slot, IP6_ADDR_INVALID);
  }

  Status listen(const Endpoint& local, Accepted on_accept) {
    if (!ours(local.address)) return fail(ErrorCode::kInvalid, "not an address of this agent");
    if (listeners_.contains(local)) return fail(ErrorCode::kConflict, "the port is in use");
    auto* pcb = tcp_new();
    const auto address = to_lwip(local.address);
    if (pcb != nullptr) ip_set_option(pcb, SOF_REUSEADDR);
    if (pcb == nullptr || tcp_bind(pcb, &address, local.port) != ERR_OK) {
      if (pcb != nullptr) tcp_close(pcb);
      return fail(ErrorCode::kExhausted, "the network stack cannot listen now");
    }
    auto* listening = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    if (listening == nullptr) {
      tcp_close(pcb);
      return fail(ErrorCode::kExhausted, "more listeners than the network stack has");
    }
    auto listener = std::make_shared<Listener>(Listener{this, listening, std::move(on_accept)});
    tcp_arg(listening, listener.get());
    tcp_accept(listening, &on_accepted);
    listeners_.emplace(local, std::move(listener));
    return {};
  }

  void unlisten(const Endpoint& local) {
    const auto found = listeners_.find(local);
    if (found == listeners_.end()) return;
    tcp_close(found->second->pcb);
    listeners_.erase(found);
  }

  void connect(const IpAddress& source, const Endpoint& to, Duration timeout, Connected done) {
    auto refuse = [&](ErrorCode code, const char* why) {
      loop_.defer([done, error = Error{code, why}] { done(fail_with(error)); });
    };
    if (!ours(source) || to.address.is_v4()) {
      return refuse(ErrorCode::kInvalid, "not an address of the mesh");
    }
    auto* pcb = connections_.size() < kMaxConnections ? tcp_new() : nullptr;
    const std::uint16_t port =
        pcb == nullptr ? std::uint16_t{0} : ports_.choose(*port_.rng, *pcb, source, to);
    if (port == 0) {
      if (pcb != nullptr) tcp_close(pcb);
      return refuse(ErrorCode::kExhausted, "too many connections are open");
    }
    auto connection = std::make_shared<Connection>(
        pcb, Endpoint{source, port}, to, false, tell_time() + timeout, closed_, waker(),
        [weak = weak_from_this(), done](Result<std::unique_ptr<runtime::ByteStream>> stream) {
          if (const auto self = weak.lock(); self && stream) ++self->counters_.connected;
          done(std::move(stream));
        });
    connections_.emplace(connection.get(), connection);
    if (const auto started = connection->connect(); !started) connection->cut(started.error());
    watch(connection);
    schedule();
  }

  void cut_if(const std::function<bool(const Endpoint&, const Endpoint&)>& cut) {
    for (const auto& [key, connection] : std::unordered_map(connections_)) {
      if (cut(connection->local(), connection->remote())) {
        connection->cut({ErrorCode::kDenied, "access ended"});
      }
    }
  }

  void end_peer(const IpAddress& peer) {
    for (const auto& [key, connection] : connections_) {
      if (connection->remote().address != peer || !connection->established()) continue;
      connection->cut({ErrorCode::kUnavailable, kStartedAnew});
    }
    const auto address = to_lwip(peer);
    for (auto** list : {&tcp_active_pcbs, &tcp_tw_pcbs}) {  // half-open, or released to lwIP
      for (auto* pcb = *list; pcb != nullptr;) {
        auto* next = pcb->next;
        if (ip_addr_eq(&pcb->remote_ip, &address) && pcb->state != SYN_SENT) tcp_abort(pcb);
        pcb = next;
      }
    }
  }

  NetstackCounters counters() const {
    auto now = counters_;
    now.connections = connections_.size();
    now.held_bytes = held_bytes();
    now.closed_bytes = closed_.bytes();
    now.dropped_in += port_.refused_packets;
    return now;
  }

  void tick() {
    const auto now = tell_time();
    ticking_ = false;
    tcp_stir_watched();
    tcp_tmr();
    reset_unsound();
    for (const auto& connection : std::exchange(watched_, {})) {
      connection->handle_tick(now);
      watch(connection);
    }
    if (tcp_active_pcbs != nullptr || tcp_tw_pcbs != nullptr) {
      tick_soon();
    } else if (!ticking_ && tcp_watched_pcbs != nullptr) {
      timer_.arm_in(std::max(kTick, Duration(tcp_watched_due() * std::int64_t{1000})));
    }
  }

 private:
  struct Listener {
    Impl* stack;
    tcp_pcb* pcb;
    Accepted accepted;
  };

  static err_t set_up(netif* self) {
    self->name[0] = 'c';
    self->name[1] = 'v';
    self->output_ip6 = &on_output;
    return ERR_OK;
  }

  static err_t on_output(netif* self, pbuf* packet, const ip6_addr_t* /*next_hop*/) {
    auto& stack = *static_cast<Impl*>(self->state);
    const ByteView header(static_cast<const std::uint8_t*>(packet->payload), packet->len);
    if (!stack.outgoing_.has_room(Outgoing::destination(header))) {
      ++stack.counters_.dropped_out;
      return ERR_OK;
    }
    const auto bytes = stack.outgoing_.add(packet->tot_len);
    pbuf_copy_partial(packet, bytes.data(), packet->tot_len, 0);
    add_checksum(bytes);
    stack.schedule();
    return ERR_OK;
  }

  static err_t on_accepted(void* argument, tcp_pcb* pcb, err_t error) {
    if (pcb == nullptr || error != ERR_OK || argument == nullptr) return ERR_VAL;
    const auto& listener = *static_cast<Listener*>(argument);
    auto& stack = *listener.stack;
    if (stack.connections_.size() >= kMaxConnections) {
      ++stack.counters_.refused;
      return ERR_MEM;
    }
    const Endpoint local{from_lwip(pcb->local_ip), pcb->local_port};
    const Endpoint remote{from_lwip(pcb->remote_ip), pcb->remote_port};
    auto connection = std::make_shared<Connection>(
        pcb, local, remote, true, Instant::never(), stack.closed_, stack.waker(),
        [&stack, local, remote](Result<std::unique_ptr<runtime::ByteStream>> stream) {
          stack.hand_out(local, remote, std::move(stream));
        });
    ip_set_option(pcb, SOF_KEEPALIVE);
    stack.connections_.emplace(connection.get(), connection);
    stack.wake(*connection);
    return ERR_OK;
  }

  void hand_out(const Endpoint& local, const Endpoint& remote,
                Result<std::unique_ptr<runtime::ByteStream>> stream) {
    const auto found = listeners_.find(local);
    // The connection was reset meanwhile, or its listener is gone.
    if (!stream || found == listeners_.end()) return;
    ++counters_.accepted;
    const auto listener = found->second;  // a copy, since the callback may unlisten()
    listener->accepted(std::move(*stream), remote);
  }

  // Handles a "packet too big" of the agent's core (the grant filter drops those of peers).
  bool lower_mss(ByteView packet) {
    const auto too_big = ip::parse_too_big(packet);
    if (!too_big || too_big->mtu <= kHeaders) return false;
    for (const auto& [key, connection] : connections_) {
      if (connection->local() == too_big->from && connection->remote() == too_big->to) {
        connection->lower_mss(too_big->mtu - kHeaders);
      }
    }
    return true;
  }

  bool ours(const IpAddress& address) {
    const auto wanted = to_lwip(address);
    return netif_get_ip6_addr_match(&netif_, &wanted) >= 0;
  }

  Connection::Wake waker() {
    return [this](Connection& connection) { wake(connection); };
  }
  void wake(Connection& connection) {
    awake_.push_back(connection.shared_from_this());
    schedule();
  }

  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    loop_.defer([weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->scheduled_) self->turn();
    });
  }

  // One turn: handles everything since the last turn, first the streams, then their packets.
  void turn() {
    if (turning_) return;
    turning_ = true;
    scheduled_ = false;
    const auto now = tell_time();
    turned_.swap(awake_);
    for (const auto& connection : turned_) {
      connection->handle_turn(now);
      if (connection->over()) {
        connection->forget_stack();
        connections_.erase(connection.get());
      }
      watch(connection);
    }
    turned_.clear();
    reset_unsound();
    leaving_.swap(outgoing_);
    if (!leaving_.packets().empty() && !stopped_) {
      counters_.packets_out += leaving_.packets().size();
      output_(leaving_.packets());
    }
    leaving_.clear();
    turning_ = false;
  }

  // Resets connections whose state in lwIP is inconsistent (TCP_SOUND in 06-peers.patch). No way to
  // such a state is known. If a peer finds one, it loses its own connection and nothing else.
  void reset_unsound() {
    for (auto** list : {&tcp_active_pcbs, &tcp_resting_pcbs, &tcp_watched_pcbs}) {
      for (auto* pcb = *list; tcp_unsound_count > 0 && pcb != nullptr;) {
        auto* next = pcb->next;
        if ((pcb->flags & TF_UNSOUND) != 0) {
          ++counters_.unsound;
          tcp_abort(pcb);
        }
        pcb = next;
      }
    }
  }

  void watch(const std::shared_ptr<Connection>& connection) {
    if (connection->wants_tick() && watched_.insert(connection).second) tick_soon();
  }

  void tick_soon() {
    if (!std::exchange(ticking_, true)) timer_.arm_in(kTick);
  }

  // Passes the time to lwIP, which reads no clock itself.
  Instant tell_time() {
    const auto now = port_.now();
    tcp_clock = static_cast<u32_t>(now.nanoseconds / 1000);
    return now;
  }

  runtime::Loop& loop_;
  Output output_;
  runtime::Timer timer_;
  Port port_;
  LocalPorts ports_;
  netif netif_{};
  NetstackCounters counters_;
  ClosedStreams closed_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::unordered_set<std::shared_ptr<Connection>> watched_;  // connections that want ticks
  std::vector<std::shared_ptr<Connection>> awake_;
  std::map<Endpoint, std::shared_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<Connection>> turned_;  // used in one turn, kept to reuse its memory
  Outgoing outgoing_;                                // packets not yet handed to `output`
  Outgoing leaving_;                                 // packets handed to `output` in this turn
  bool ticking_ = false;                             // the next tick comes within kTick
  bool scheduled_ = false;
  bool turning_ = false;
  bool stopped_ = false;
};

Netstack::Netstack(runtime::Loop& loop, Rng& rng, NetstackOptions options, Output output)
    : impl_(std::make_shared<Impl>(loop, rng, options, std::move(output))) {}
Netstack::~Netstack() { impl_->shut_down(); }

void Netstack::input(std::span<const ByteView> packets) { impl_->input(packets); }
Status Netstack::add_address(const IpAddress& address) { return impl_->add_address(address); }
void Netstack::remove_address(const IpAddress& address) { impl_->remove_address(address); }
Status Netstack::listen(const Endpoint& local, Accepted on_accept) {
  return impl_->listen(local, std::move(on_accept));
}
void Netstack::unlisten(const Endpoint& local) { impl_->unlisten(local); }
void Netstack::connect(const IpAddress& source, const Endpoint& to, Duration timeout,
                       Connected done) {
  impl_->connect(source, to, timeout, std::move(done));
}
void Netstack::abort_if(
    const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) {
  impl_->cut_if(cut);
}
void Netstack::end_peer(const IpAddress& peer) { impl_->end_peer(peer); }
void Netstack::tick() { impl_->tick(); }
NetstackCounters Netstack::counters() const { return impl_->counters(); }

}  // namespace culvert::stack
