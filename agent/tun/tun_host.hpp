// TUN mode: programs of the host reach granted services by address and by name. TunHost owns the
// device, its address, the mesh's route and rules, the stub resolver and the machine's resolver
// setting.
//
// The device carries every mesh packet of the laptop, and lwIP none: the proxies and forwards
// connect through the kernel like any program of the owner. This has three advantages:
//   - no packet has to be assigned to one of two stacks;
//   - a flow is claimed and audited in one place: at its first packet, in the core;
//   - transfers through the proxies use the kernel's TCP and the device's offloads.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/tun/stub.hpp"
#include "agent/tun/undo.hpp"
#include "proto/runtime/loop/process.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/tun.hpp"

namespace culvert::tun {

inline constexpr Duration kWatchPeriod = 2s;  // between checks of resolv.conf and of the sites

struct TunHostOptions {
  std::string name;
  bool dns = true;
  runtime::Offloads offloads = {};
  std::uint32_t owner = 0;  // uid of the only user that is served, besides root
  IpAddress address;        // this node's address in the mesh
  std::string undo_folder;
};
struct TunHostEvents {
  std::function<void(std::span<const RoomyPacket>)> packets;       // from the host's programs
  std::function<bool(const Endpoint& client, bool tcp)> may_know;  // the owner's program is asking
  std::function<dns::Names(bool granted)> names;  // `granted` false: without the granted services
  std::function<std::vector<std::string>()> sites;
  std::function<void()> gone;  // somebody has deleted the interface
};

class TunHost {
 public:
  // On failure all changes are undone; the error says what to do.
  static Result<std::unique_ptr<TunHost>> open(runtime::Loop& loop, Rng& rng,
                                               TunHostOptions options, TunHostEvents events);
  ~TunHost();  // undoes everything
  TunHost(const TunHost&) = delete;
  TunHost& operator=(const TunHost&) = delete;

  void write(std::span<const ByteView> packets) { tun_->write(packets); }
  const std::string& name() const { return tun_->name(); }

 private:
  TunHost(runtime::Loop& loop, TunHostOptions options, TunHostEvents events);
  Status set_up(Rng& rng);
  Status set_up_device();
  Status set_up_names(Rng& rng);
  void watch();
  void tell_resolved();

  runtime::Loop& loop_;
  TunHostOptions options_;
  TunHostEvents events_;
  Undo undo_;
  std::unique_ptr<runtime::Tun> tun_;
  std::unique_ptr<Stub> stub_;
  runtime::Timer watch_;
  bool rewritten_ = false;         // resolv.conf has our text, as far as is known
  bool resolved_ = false;          // systemd-resolved asks the stub
  std::vector<std::string> told_;  // the sites that systemd-resolved knows
  std::unique_ptr<runtime::Process> telling_;
};

}  // namespace culvert::tun
