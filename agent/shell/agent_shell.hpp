// Passes bytes and time between libuv and one agent::Core: gives the core its inputs, carries out
// the core's effects (pump), and waits until the core's next deadline. Everything runs on the
// loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "agent/core/core.hpp"
#include "agent/shell/lease_link.hpp"
#include "agent/shell/links.hpp"
#include "agent/shell/stack_choice.hpp"
#include "agent/stack/stack.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/udp.hpp"

namespace culvert::agent {

// Effects about flows, for the terminator (site agent) or the laptop's side.
struct FlowEvents {
  std::function<void(const ListenService&)> listen;
  std::function<void(const UnlistenService&)> unlisten;
  std::function<void(const CutFlows&)> cut;
};

struct ShellOptions {
  std::uint16_t udp_port = 0;
  bool allow_loopback = false;
  bool allow_private_relays = false;  // relays of the coordinator's list may be in private networks
  runtime::Offloads offloads = {};
  runtime::ProxyRules proxies = {};  // for the coordinator and the relays
};

class Shell {
 public:
  static constexpr Duration kInterfacePoll = 2s;

  // Opens the UDP socket; fails with one clear line. The caller starts the core afterwards.
  static Result<std::unique_ptr<Shell>> open(runtime::Loop& loop, Rng& rng, ShellOptions options,
                                             StackOptions stack);

  void run(Core& core, FlowEvents events);  // serves `core`, which the owner keeps alive meanwhile
  void pump();                              // to be called after any call into the core
  stack::Stack& stack() { return *stack_; }
  const std::string& why_stack() const { return why_stack_; }  // why this stack was chosen
  // From now on mesh packets go to the host's own stack (TUN) instead of stack(). The host's
  // packets come in by from_device(), which may change their memory and is done with it on return.
  using Device = std::function<void(std::span<const ByteView> packets)>;
  void use_device(Device write) { device_ = std::move(write); }
  void from_device(std::span<const RoomyPacket> packets);
  // True: all bytes that the core has sent to relays have left this process.
  bool flushed() const { return relays_.flushed(); }
  const runtime::UdpCounters& udp_counters() const { return udp_->counters(); }
  Core& core() { return *core_; }
  Now now() const { return loop_.now(); }

 private:
  Shell(runtime::Loop& loop, Rng& rng, ShellOptions options);
  void received(std::span<Datagram> batch);
  void send_datagrams();
  void deliver_mesh();
  void carry_out(const Effect& effect);
  void add_address(const IpAddress& address);
  void look_at_interfaces();
  void resolve_stun(const ResolveStun& what);
  LinkEvents control_events();
  LinkEvents relay_events();

  runtime::Loop& loop_;
  ShellOptions options_;
  Core* core_ = nullptr;
  FlowEvents flows_;
  std::unique_ptr<runtime::UdpSocket> udp_;
  std::unique_ptr<stack::Stack> stack_;
  std::string why_stack_;
  Device device_;
  ControlLink control_;
  RelayLinks relays_;
  LeaseLink leases_;
  runtime::Timer deadline_;
  runtime::Timer interfaces_;
  std::vector<IpAddress> addresses_;
  std::map<std::string, std::unique_ptr<runtime::Resolve>> resolving_;
  bool pumping_ = false;
  bool again_ = false;
  Effects effects_;
  std::vector<RoomyPacket> roomless_;  // used in one call, kept to reuse its memory
};

}  // namespace culvert::agent
