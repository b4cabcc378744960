// The laptop's way in: names of granted services to mesh connections. Whatever is not granted is
// refused in one way, whether it exists or not.
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

inline constexpr Duration kDialTimeout = 20s;  // handshake, relay and the other side's accept

proxy::Dialer make_dialer(Shell& shell);

// The same in TUN mode: through the kernel, where the core does the rest at the first packet.
class KernelDialer {
 public:
  KernelDialer(runtime::Loop& loop, Shell& shell) : loop_(loop), shell_(shell) {}
  proxy::Dialer dialer();  // the KernelDialer outlives it

 private:
  void dial(const std::string& host, std::uint16_t port, proxy::Dialed done);

  runtime::Loop& loop_;
  Shell& shell_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<runtime::TcpConnect>> connecting_;
};

// What the stub resolver tells; without `granted`, what a stranger to this agent hears.
dns::Names names_for(Shell& shell, bool granted);

// The user whom a laptop's agent serves: the one named, else who called sudo, else who runs it.
Result<std::uint32_t> owner_of(const std::optional<std::string>& name);

}  // namespace culvert::agent
