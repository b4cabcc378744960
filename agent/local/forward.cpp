#include "agent/local/forward.hpp"

#include <utility>

#include "agent/local/request.hpp"
#include "agent/local/tunnels.hpp"
#include "proto/runtime/net.hpp"
#include "proto/runtime/tcp.hpp"

namespace culvert::local {

Result<ForwardSpec> ForwardSpec::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid,
                "\"" + std::string(text) + "\" is not LOCALPORT:HOST or LOCALPORT:HOST:PORT");
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return bad();
  // "any" stands in for the host so that the port is read as every other port is.
  const auto local = runtime::parse_host_port("any:" + std::string(text.substr(0, colon)));
  auto rest = text.substr(colon + 1);
  if (!local) return bad();
  ForwardSpec out{local->port, "", 0};
  const bool has_port =
      rest.find(':') != std::string_view::npos && (rest.front() != '[' || rest.back() != ']');
  if (has_port) {
    const auto remote = runtime::parse_host_port(rest);
    if (!remote || remote->port == 0) return bad();
    out.port = remote->port;
    out.host = remote->host;
  } else {
    if (rest.size() > 2 && rest.front() == '[') rest = rest.substr(1, rest.size() - 2);
    out.host = rest;
  }
  const auto host = normal_host(out.host);
  if (!host) return bad();
  out.host = *host;
  return out;
}

class Forward::Impl : public std::enable_shared_from_this<Forward::Impl> {
 public:
  Impl(runtime::Loop& loop, ForwardSpec spec, Dialer dialer, OwnerCheck owner)
      : spec_(std::move(spec)),
        dialer_(std::move(dialer)),
        owner_(std::move(owner)),
        tunnels_(loop) {}

  Status listen(runtime::Loop& loop) {
    const Endpoint at{IpAddress::v4(127, 0, 0, 1), spec_.local_port};
    auto listener = runtime::TcpListener::open(
        loop, at, [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
          accept(std::move(stream), peer);
        });
    if (!listener) return fail_with(listener.error());
    listener_ = std::move(*listener);
    return {};
  }

  const ForwardSpec& spec() const { return spec_; }
  Endpoint local_endpoint() const { return listener_->local_endpoint(); }
  std::size_t clients() const { return dialing_ + tunnels_.size(); }

 private:
  void accept(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
    if (clients() >= kMaxForwardClients || !owner_(peer, local_endpoint())) return;
    ++dialing_;
    auto client = std::make_shared<std::unique_ptr<runtime::ByteStream>>(std::move(stream));
    dialer_(
        spec_.host, spec_.port,
        [weak = weak_from_this(), client](Result<std::unique_ptr<runtime::ByteStream>> service) {
          const auto self = weak.lock();
          if (!self) return;
          --self->dialing_;
          if (service) self->tunnels_.add(std::move(*client), std::move(*service));
        });
  }

  ForwardSpec spec_;
  Dialer dialer_;
  OwnerCheck owner_;
  std::size_t dialing_ = 0;
  Tunnels tunnels_;
  std::unique_ptr<runtime::TcpListener> listener_;
};

Result<std::unique_ptr<Forward>> Forward::open(runtime::Loop& loop, const ForwardSpec& spec,
                                               Dialer dialer, OwnerCheck owner) {
  auto impl = std::make_shared<Impl>(loop, spec, std::move(dialer), std::move(owner));
  if (const auto listening = impl->listen(loop); !listening) return fail_with(listening.error());
  return std::unique_ptr<Forward>(new Forward(std::move(impl)));
}

Forward::Forward(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Forward::~Forward() = default;

const ForwardSpec& Forward::spec() const { return impl_->spec(); }
Endpoint Forward::local_endpoint() const { return impl_->local_endpoint(); }
std::size_t Forward::clients() const { return impl_->clients(); }

}  // namespace culvert::local
