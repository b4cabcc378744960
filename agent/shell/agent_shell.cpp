#include "agent/shell/agent_shell.hpp"

#include <algorithm>

#include "proto/core/inside.hpp"
#include "proto/core/mesh_prefix.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/packet/interface.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::agent {
namespace {

// Datagrams handled together. One wake-up may bring a whole TCP window. With smaller batches its
// sender gets ACKs of the first part while the agent works on the rest, and the packets stay in the
// cache.
constexpr std::size_t kBatch = 64;

void write_log(const LogLine& line) {
  using runtime::log::Level;
  Level level = Level::kInfo;
  if (line.level == LogLevel::kDebug) level = Level::kDebug;
  if (line.level == LogLevel::kWarning) level = Level::kWarn;
  if (line.level == LogLevel::kError) level = Level::kError;
  if (line.detail.empty()) {
    runtime::log::write(level, line.event, {});
  } else {
    runtime::log::write(level, line.event, {{"what", line.detail}});
  }
}

}  // namespace

Result<std::unique_ptr<Shell>> Shell::open(runtime::Loop& loop, Rng& rng, ShellOptions options,
                                           StackOptions stack) {
  std::unique_ptr<Shell> shell(new Shell(loop, rng, options));
  auto made = make_stack(
      loop, rng, std::move(stack),
      [raw = shell.get()](std::span<const RoomyPacket> packets) { raw->from_device(packets); });
  if (!made) return fail_with(made.error());
  shell->stack_ = std::move(made->stack);
  shell->why_stack_ = std::move(made->why);
  auto udp = runtime::UdpSocket::open(
      loop, Endpoint{{}, options.udp_port},
      [raw = shell.get()](std::span<Datagram> batch) { raw->received(batch); },
      {.offloads = options.offloads, .whole = true});
  if (!udp) {
    return fail(udp.error().code,
                udp.error().message + " (set \"path\": {\"port\": …}, or 0 for any)");
  }
  shell->udp_ = std::move(*udp);
  return shell;
}

Shell::Shell(runtime::Loop& loop, Rng& rng, ShellOptions options)
    : loop_(loop),
      options_(options),
      control_(loop, rng, control_events(), options.proxies),
      relays_(
          loop, relay_events(),
          [this](ConnectionId id, std::size_t room, Bytes& out) {
            core_->pull_relay(now(), id, room, out);
          },
          options.proxies, options.allow_private_relays),
      leases_(loop,
              [this](const Result<std::string>& answer) {
                core_->handle_lease_answer(now(), answer);
                pump();
              }),
      deadline_(loop,
                [this] {
                  core_->handle_timeout(now());
                  pump();
                }),
      interfaces_(loop, [this] { look_at_interfaces(); }) {}

void Shell::run(Core& core, FlowEvents events) {
  core_ = &core;
  flows_ = std::move(events);
  look_at_interfaces();
  pump();
}

LinkEvents Shell::control_events() {
  return {[this](ConnectionId id) {
            core_->handle_control_open(now(), id);
            pump();
          },
          [this](ConnectionId id, ByteView message) {
            core_->handle_control_message(now(), id, message);
            pump();
          },
          [this](ConnectionId id, const std::string& reason) {
            core_->handle_control_closed(now(), id, reason);
            pump();
          }};
}

LinkEvents Shell::relay_events() {
  return {[this](ConnectionId id) {
            core_->handle_relay_open(now(), id);
            pump();
          },
          [this](ConnectionId id, ByteView bytes) {
            core_->handle_relay_bytes(now(), id, bytes);
            pump();
          },
          [this](ConnectionId id, const std::string& reason) {
            core_->handle_relay_closed(now(), id, reason);
            pump();
          }};
}

void Shell::received(std::span<Datagram> batch) {
  if (core_ == nullptr) return;
  while (!batch.empty()) {
    const auto some = batch.first(std::min(batch.size(), kBatch));
    batch = batch.subspan(some.size());
    core_->handle_datagrams(now(), some);
    pump();
  }
}

// Carrying out an effect may call pump() again, since the stack answers at once. The outer call
// then loops once more.
void Shell::pump() {
  if (core_ == nullptr) return;
  again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (std::exchange(again_, false)) {
    core_->drain(effects_);
    for (const Effect& effect : effects_.events) carry_out(effect);
    send_datagrams();
    deliver_mesh();
  }
  pumping_ = false;
  deadline_.arm_at(core_->next_deadline());
}

void Shell::send_datagrams() {
  if (effects_.datagrams.empty()) return;
  const runtime::UdpSent sent = udp_->send(effects_.datagrams.items());
  for (const Endpoint& to : sent.unreachable) {
    core_->handle_send_error(now(), to);
    again_ = true;
  }
}

void Shell::deliver_mesh() {
  if (effects_.mesh.empty()) return;
  if (device_) {
    device_(effects_.mesh.items());
  } else {
    stack_->input(effects_.mesh.items());
  }
}

// Packets that are sealed in their own memory must leave before this function returns, since the
// memory is the caller's. Inside pump(), when the stack answers a packet that was just delivered,
// they leave only later: then the core sees packets without room, and copies them.
void Shell::from_device(std::span<const RoomyPacket> packets) {
  if (core_ == nullptr) return;
  if (pumping_) {
    roomless_.clear();
    for (const RoomyPacket& each : packets) roomless_.push_back({each.packet(), 0, each.size});
    packets = roomless_;
  }
  core_->handle_mesh(now(), packets);
  pump();
}

void Shell::carry_out(const Effect& effect) {
  std::visit(overloaded{
                 [this](const OpenControl& open) { control_.open(open); },
                 [this](const SendControl& message) { control_.send(message); },
                 [this](const CloseControl& close) { control_.close(close); },
                 [this](const OpenRelay& open) { relays_.open(open); },
                 [this](const FlushRelay& waits) { relays_.flush(waits.id); },
                 [this](const CloseRelay& close) { relays_.close(close); },
                 [this](const AddAddress& add) { add_address(add.address); },
                 [this](const RemoveAddress& remove) { stack_->remove_address(remove.address); },
                 [this](const ListenService& listen) {
                   if (flows_.listen) flows_.listen(listen);
                 },
                 [this](const UnlistenService& unlisten) {
                   if (flows_.unlisten) flows_.unlisten(unlisten);
                 },
                 [this](const CutFlows& cut) {
                   if (flows_.cut) flows_.cut(cut);
                 },
                 [this](const ResolveStun& resolve) { resolve_stun(resolve); },
                 [this](const AskLease& ask) { leases_.ask(ask); },
                 [](const LogLine& line) { write_log(line); },
             },
             effect);
}

void Shell::add_address(const IpAddress& address) {
  if (auto added = stack_->add_address(address); !added) {
    runtime::log::error("address refused", {{"why", added.error()}});
  }
}

void Shell::look_at_interfaces() {
  interfaces_.arm_in(kInterfacePoll);
  auto addresses = runtime::interface_addresses();
  std::erase_if(addresses, [this](const IpAddress& address) {
    // Peers cannot reach this node at a TUN device's address.
    return (address.is_loopback() && !options_.allow_loopback) || is_mesh_address(address);
  });
  if (addresses == addresses_) return;
  addresses_ = addresses;
  std::vector<Endpoint> endpoints;
  for (const IpAddress& address : addresses_) {
    endpoints.push_back({address, udp_->local_endpoint().port});
  }
  core_->handle_local_endpoints(now(), std::move(endpoints));
  pump();
}

void Shell::resolve_stun(const ResolveStun& what) {
  resolving_[what.host] = std::make_unique<runtime::Resolve>(
      loop_, what.host, [this, what](Result<std::vector<IpAddress>> found) {
        std::vector<Endpoint> endpoints;
        for (const IpAddress& address : found.value_or(std::vector<IpAddress>())) {
          if (leads_inside(address, what.inside) && !options_.allow_private_relays) continue;
          endpoints.push_back({address, what.port});
        }
        core_->handle_stun_servers(now(), what.host, std::move(endpoints));
        pump();
      });
}

}  // namespace culvert::agent
