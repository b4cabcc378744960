#include "agent/shell/laptop.hpp"

namespace culvert::agent {

local::Dialer make_dialer(Shell& shell) {
  return [&shell](std::string host, std::uint16_t port, local::Dialed done) {
    const auto granted = shell.core().resolve(shell.now(), host);
    if (!granted || (port != 0 && port != granted->endpoint.port)) {
      return done(fail(ErrorCode::kNotFound, "no such service"));
    }
    auto service = shell.core().dial(shell.now(), host);
    shell.pump();
    if (!service) return done(fail_with(service.error()));
    shell.netstack().connect(shell.core().address(), service->endpoint, kDialTimeout,
                             std::move(done));
  };
}

}  // namespace culvert::agent
