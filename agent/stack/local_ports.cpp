#include "agent/stack/local_ports.hpp"

namespace culvert::stack {

std::uint16_t LocalPorts::choose(Rng& rng, tcp_pcb& pcb, const IpAddress& source,
                                 const Endpoint& to) {
  const auto local = to_lwip(source);
  const auto remote = to_lwip(to.address);
  if (!next_) {
    next_ = static_cast<std::uint16_t>(kFirstPort + rng.below(65536 - kFirstPort));
  }
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    const std::uint16_t port = *next_;
    next_ = port == 65535 ? kFirstPort : static_cast<std::uint16_t>(port + 1);
    if (tcp_find(&local, port, &remote, to.port) != nullptr) continue;
    pcb.local_ip = local;
    pcb.local_port = port;
    return port;
  }
  return 0;
}

}  // namespace culvert::stack
