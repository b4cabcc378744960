// Connects a laptop's programs to granted services by name. Every name that is not granted is
// refused in the same way, whether it exists or not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/dns/names.hpp"
#include "agent/proxy/proxy.hpp"
#include "agent/shell/agent_shell.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::agent {

inline constexpr Duration kDialTimeout = 20s;  // for handshake, relay and the site's accept

proxy::Dialer make_dialer(Shell& shell);

// The dialer for TUN mode: connects through the kernel; the core claims and audits the flow at its
// first packet.
class KernelDialer {
 public:
  KernelDialer(runtime::Loop& loop, Shell& shell) : loop_(loop), shell_(shell) {}
  proxy::Dialer dialer();  // the KernelDialer outlives the dialer

 private:
  void dial(const std::string& host, std::uint16_t port, proxy::Dialed done);

  runtime::Loop& loop_;
  Shell& shell_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<runtime::TcpConnect>> connecting_;
};

// The names for the stub resolver. `granted` false: for programs of other users, without the
// granted services.
dns::Names names_for(Shell& shell, bool granted);

// The uid of the user that a laptop's agent serves: the user `name`, else the user that called
// sudo, else the user that runs the agent.
Result<std::uint32_t> owner_of(const std::optional<std::string>& name);

}  // namespace culvert::agent
