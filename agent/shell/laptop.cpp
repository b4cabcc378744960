#include "agent/shell/laptop.hpp"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace culvert::agent {

proxy::Dialer make_dialer(Shell& shell) {
  return [&shell](std::string host, std::uint16_t port, proxy::Dialed done) {
    const auto granted = shell.core().resolve(shell.now(), host);
    if (!granted || (port != 0 && port != granted->endpoint.port)) {
      return done(fail(ErrorCode::kNotFound, "no such service"));
    }
    auto service = shell.core().dial(shell.now(), host);
    shell.pump();
    if (!service) return done(fail_with(service.error()));
    shell.stack().connect(shell.core().address(), service->endpoint, kDialTimeout, std::move(done));
  };
}

proxy::Dialer KernelDialer::dialer() {
  return [this](const std::string& host, std::uint16_t port, proxy::Dialed done) {
    dial(host, port, std::move(done));
  };
}

void KernelDialer::dial(const std::string& host, std::uint16_t port, proxy::Dialed done) {
  const auto granted = shell_.core().resolve(shell_.now(), host);
  if (!granted || (port != 0 && port != granted->endpoint.port)) {
    return done(fail(ErrorCode::kNotFound, "no such service"));
  }
  const std::uint64_t id = ++last_;
  connecting_[id] = std::make_unique<runtime::TcpConnect>(
      loop_, granted->endpoint, runtime::ConnectOptions{kDialTimeout, {}},
      [this, id, done = std::move(done)](Result<std::unique_ptr<runtime::TcpStream>> stream) {
        const auto held = connecting_.extract(id);
        if (!stream) return done(fail_with(stream.error()));
        done(std::unique_ptr<runtime::ByteStream>(std::move(*stream)));
      });
}

dns::Names names_for(Shell& shell, bool granted) {
  dns::Names names;
  names.suffixes = shell.core().sites();
  if (!granted) return names;
  names.granted = [&shell](const std::string& name) -> std::optional<IpAddress> {
    const auto service = shell.core().resolve(shell.now(), name);
    if (!service) return std::nullopt;
    return service->endpoint.address;
  };
  return names;
}

Result<std::uint32_t> owner_of(const std::optional<std::string>& name) {
  if (name) {
    const passwd* entry = ::getpwnam(name->c_str());
    if (entry == nullptr) {
      return fail(ErrorCode::kInvalid, "--owner: this machine has no user " + *name);
    }
    if (::geteuid() != 0 && entry->pw_uid != ::geteuid()) {
      return fail(ErrorCode::kDenied, "--owner " + *name +
                                          ": only root can serve another user (start it as " +
                                          *name + ", or as root)");
    }
    return entry->pw_uid;
  }
  const char* sudo = ::geteuid() == 0 ? std::getenv("SUDO_UID") : nullptr;
  if (sudo == nullptr) return ::geteuid();
  std::uint32_t uid = 0;
  const char* end = sudo + std::strlen(sudo);
  if (const auto [at, error] = std::from_chars(sudo, end, uid); error != std::errc{} || at != end) {
    return fail(ErrorCode::kInvalid, "SUDO_UID is no user's number: name the user with --owner");
  }
  return uid;
}

}  // namespace culvert::agent
