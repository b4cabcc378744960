#include "agent/proxy/forward.hpp"
#include "proto/core/host_port.hpp"

#include <utility>

#include "agent/proxy/guard_stream.hpp"
#include "agent/proxy/request.hpp"
#include "agent/proxy/tunnels.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/stream/resolve.hpp"

namespace culvert::proxy {

Result<ForwardSpec> ForwardSpec::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid,
                "\"" + std::string(text) + "\" is not LOCALPORT:HOST or LOCALPORT:HOST:PORT");
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return bad();
  // "any" is a dummy host, so that parse_host_port() reads the port.
  const auto local = parse_host_port("any:" + std::string(text.substr(0, colon)));
  auto rest = text.substr(colon + 1);
  if (!local) return bad();
  ForwardSpec out{local->port, "", 0};
  const bool has_port =
      rest.find(':') != std::string_view::npos && (rest.front() != '[' || rest.back() != ']');
  if (has_port) {
    const auto remote = parse_host_port(rest);
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

bool is_http_protocol(std::string_view protocol) {
  return protocol == "http" || protocol == "https" || protocol == "h2c";
}

class Forward::Impl : public std::enable_shared_from_this<Forward::Impl> {
 public:
  Impl(runtime::Loop& loop, ForwardSpec spec, std::string_view protocol, Dialer dialer,
       const DoorContext& context)
      : loop_(loop),
        spec_(std::move(spec)),
        strict_host_(is_http_protocol(protocol)),
        dialer_(std::move(dialer)),
        farewells_(context.farewells),
        party_(context.room, kMaxForwardClients),
        full_log_("forward to " + spec_.host, kMaxForwardClients),
        tunnels_(loop, party_) {}

  Status listen(OwnerCheck owner) {
    DoorEvents events;
    events.entered = [this](std::unique_ptr<runtime::ByteStream> stream) {
      enter(std::move(stream));
    };
    events.full = [this] { return party_.full(); };
    events.turned_away = [this](std::unique_ptr<runtime::ByteStream> stream) {
      turn_away(std::move(stream));
    };
    events.foreign = [this] { ++counters_.foreign; };
    const Endpoint at{IpAddress::v4(127, 0, 0, 1), spec_.local_port};
    auto door = Door::open(loop_, at, std::move(owner), std::move(events));
    if (!door) return fail_with(door.error());
    door_ = std::move(*door);
    return {};
  }

  const ForwardSpec& spec() const { return spec_; }
  Endpoint local_endpoint() const { return door_->local_endpoint(); }
  std::size_t clients() const { return party_.size(); }
  ForwardCounters counters() const {
    auto now = counters_;
    now.full = full_log_.count();
    return now;
  }

 private:
  void enter(std::unique_ptr<runtime::ByteStream> stream) {
    if (!party_.enter()) return turn_away(std::move(stream));
    auto client = std::make_shared<std::unique_ptr<runtime::ByteStream>>(std::move(stream));
    dialer_(
        spec_.host, spec_.port,
        [weak = weak_from_this(), client](Result<std::unique_ptr<runtime::ByteStream>> service) {
          const auto self = weak.lock();
          if (!self) return;
          if (!service) return self->party_.leave();
          self->tunnels_.add(self->guarded(std::move(*client)), std::move(*service));
        });
  }

  std::unique_ptr<runtime::ByteStream> guarded(std::unique_ptr<runtime::ByteStream> client) {
    const OwnNames names{spec_.host, local_endpoint().port, strict_host_, false};
    return std::make_unique<GuardStream>(
        loop_, std::move(client), names, farewells_, [this](const Refusal& refusal) {
          if (counters_.cross_site++ > 0) return;
          runtime::log::warn("a request through a forward was refused, and further ones will be",
                             {{"forward", spec_.host}, {"why", refusal.text}});
        });
  }

  // Answers a client that speaks HTTP; the connection of any other client just ends.
  void turn_away(std::unique_ptr<runtime::ByteStream> stream) {
    full_log_.refused(loop_.now(), party_.room());
    farewells_->say_by_first_bytes(std::move(stream), [](ByteView first) -> std::string {
      if (!RequestGuard::begins_like_request(first)) return "";
      return render(Refusal{503, "this forward has too many open connections: close some first"});
    });
  }

  runtime::Loop& loop_;
  ForwardSpec spec_;
  bool strict_host_;
  Dialer dialer_;
  std::shared_ptr<Farewells> farewells_;
  RoomParty party_;
  FullLog full_log_;
  ForwardCounters counters_;
  Tunnels tunnels_;
  std::unique_ptr<Door> door_;
};

Result<std::unique_ptr<Forward>> Forward::open(runtime::Loop& loop, const ForwardSpec& spec,
                                               std::string_view protocol, Dialer dialer,
                                               DoorContext context) {
  auto impl = std::make_shared<Impl>(loop, spec, protocol, std::move(dialer), context);
  if (const auto listening = impl->listen(std::move(context.owner)); !listening) {
    return fail_with(listening.error());
  }
  return std::unique_ptr<Forward>(new Forward(std::move(impl)));
}

Forward::Forward(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Forward::~Forward() = default;

const ForwardSpec& Forward::spec() const { return impl_->spec(); }
Endpoint Forward::local_endpoint() const { return impl_->local_endpoint(); }
std::size_t Forward::clients() const { return impl_->clients(); }
ForwardCounters Forward::counters() const { return impl_->counters(); }

}  // namespace culvert::proxy
