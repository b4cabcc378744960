// Passes bytes and time between libuv and one agent::Core: feeds it what comes in, then carries out
// its effects (pump), then sleeps until its next deadline. Everything runs on the loop's thread.
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

// What concerns flows, and so the terminator or the laptop's side.
struct FlowEvents {
  std::function<void(const ListenService&)> listen;
  std::function<void(const UnlistenService&)> unlisten;
  std::function<void(const CutFlows&)> cut;
};

struct ShellOptions {
  std::uint16_t udp_port = 0;
  bool allow_loopback = false;
  bool allow_private_relays = false;  // of the coordinator's list
  runtime::Offloads offloads = {};
  runtime::ProxyRules proxies = {};  // for the coordinator and the relays
};

class Shell {
 public:
  static constexpr Duration kInterfacePoll = 2s;

  // Opens the UDP socket; fails with one clear line. The core is started by the caller and outlives
  // nothing here.
  static Result<std::unique_ptr<Shell>> open(runtime::Loop& loop, Rng& rng, ShellOptions options,
                                             StackOptions stack);

  void run(Core& core, FlowEvents events);  // from now on; the core outlives the shell's use
  void pump();                              // after any call into the core
  stack::Stack& stack() { return *stack_; }
  const std::string& why_stack() const { return why_stack_; }  // it is this one
  // From now on mesh packets go to the host's own stack instead of ours; its packets come here.
  using Device = std::function<void(std::span<const ByteView> packets)>;
  void use_device(Device write) { device_ = std::move(write); }
  void from_device(std::span<const ByteView> packets);
  // Everything that the core has sent has left this process.
  bool flushed() const { return relays_.flushed(); }
  const runtime::UdpCounters& udp_counters() const { return udp_->counters(); }
  Core& core() { return *core_; }
  Now now() const { return loop_.now(); }

 private:
  Shell(runtime::Loop& loop, Rng& rng, ShellOptions options);
  void received(std::span<runtime::Datagram> batch);
  void send_datagrams();
  void deliver_mesh();
  void carry_out(const Effect& effect);
  void carry_out_local(const Effect& effect);
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
  std::vector<Core::Datagram> in_;         // reused
  std::vector<runtime::OutDatagram> out_;  // reused
  std::vector<ByteView> mesh_;             // reused
};

}  // namespace culvert::agent
