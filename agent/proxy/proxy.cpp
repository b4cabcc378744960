#include "agent/proxy/proxy.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "agent/proxy/guard_stream.hpp"
#include "agent/proxy/proxy_client.hpp"
#include "agent/proxy/tunnels.hpp"

namespace culvert::proxy {

using runtime::ByteStream;

class Proxy::Impl : public std::enable_shared_from_this<Proxy::Impl> {
 public:
  Impl(runtime::Loop& loop, Dialer dialer, const DoorContext& context)
      : loop_(loop),
        dialer_(std::move(dialer)),
        farewells_(context.farewells),
        party_(context.room, kMaxProxyClients),
        full_log_("proxy", kMaxProxyClients),
        heads_log_("proxy, without a request yet", kMaxProxyHeads),
        tunnels_(loop, party_) {}

  Status listen(const Endpoint& at, OwnerCheck owner) {
    DoorEvents events;
    events.entered = [this](std::unique_ptr<ByteStream> stream) { enter(std::move(stream)); };
    events.foreign = [this] { ++counters_.foreign; };
    auto door = Door::open(loop_, at, std::move(owner), std::move(events));
    if (!door) return fail_with(door.error());
    door_ = std::move(*door);
    return {};
  }

  Endpoint local_endpoint() const { return door_->local_endpoint(); }
  ProxyCounters counters() const {
    auto now = counters_;
    now.full = full_log_.count();
    now.replaced = heads_log_.count();
    now.clients = heads_.size() + party_.size();
    return now;
  }

  Refusals refusals(std::uint64_t after) const {
    Refusals out{last_refusal_, {}};
    const auto fresh =
        std::min<std::uint64_t>(last_refusal_ - std::min(after, last_refusal_), refused_.size());
    out.names.assign(refused_.end() - static_cast<std::ptrdiff_t>(fresh), refused_.end());
    return out;
  }

 private:
  using Ending = ProxyClient::Ending;

  void enter(std::unique_ptr<ByteStream> stream) {
    ++counters_.accepted;
    if (heads_.size() >= kMaxProxyHeads) replace_oldest();
    const auto id = next_id_++;
    ProxyClient::Events events;
    events.asked = [this, id](const Target& target) { asked(id, target); };
    events.ended = [this, id](Ending ending) {
      if (ending == Ending::kMalformed) ++counters_.malformed;
      if (ending == Ending::kForeign) ++counters_.foreign;
      forget(id);
    };
    auto client =
        std::make_shared<ProxyClient>(loop_, std::move(stream), farewells_, std::move(events));
    heads_.emplace(id, client);
    client->start();
  }

  // Ends the connection that has waited longest without a request, to make room for a new one. So a
  // program that sends its request at once is served, however many connections send nothing.
  void replace_oldest() {
    const auto oldest = heads_.begin()->second;
    heads_log_.refused(loop_.now(), party_.room());
    oldest->refuse_full();
    forget(heads_.begin()->first);
  }

  void asked(std::uint64_t id, const Target& target) {
    const auto client = heads_.extract(id);
    if (client.empty()) return;
    if (!party_.enter()) {
      full_log_.refused(loop_.now(), party_.room());
      client.mapped()->refuse_full();
      loop_.defer([held = client.mapped()] {});
      return;
    }
    dialing_.emplace(id, client.mapped());
    dial(id, target);
  }

  void dial(std::uint64_t id, const Target& target) {
    auto dialed = [weak = weak_from_this(), id,
                   host = target.host](Result<std::unique_ptr<ByteStream>> service) {
      const auto self = weak.lock();
      if (!self) return;
      if (!service) self->remember_refusal(host);
      self->answer(id, host, std::move(service));
    };
    if (target.host.empty()) return dialed(fail(ErrorCode::kNotFound, "no such name"));
    dialer_(target.host, target.port, std::move(dialed));
  }

  // Deferred, so that an answer that comes inside of the dialer's call takes the same path as a
  // later one.
  void answer(std::uint64_t id, const std::string& host,
              Result<std::unique_ptr<ByteStream>> service) {
    auto held = std::make_shared<Result<std::unique_ptr<ByteStream>>>(std::move(service));
    loop_.defer([weak = weak_from_this(), id, host, held] {
      if (const auto self = weak.lock()) self->answer_now(id, host, std::move(*held));
    });
  }
  void answer_now(std::uint64_t id, const std::string& host,
                  Result<std::unique_ptr<ByteStream>> service) {
    const auto found = dialing_.extract(id);
    if (found.empty()) return;
    const auto client = found.mapped();
    loop_.defer([client] {});  // destroyed later, since a function of the client may be running
    if (service) {
      ++counters_.opened;
      auto stream = client->take();
      if (client->is_single_request()) stream = single_request(std::move(stream), host);
      tunnels_.add(std::move(stream), std::move(*service));
    } else {
      ++counters_.refused;
      party_.leave();
      client->refuse_unreachable();
    }
  }

  // For one request for http://: later bytes of the client may be for another service, so the
  // GuardStream drops them.
  std::unique_ptr<ByteStream> single_request(std::unique_ptr<ByteStream> stream,
                                             const std::string& host) {
    return std::make_unique<GuardStream>(loop_, std::move(stream), OwnNames{host, 0, false, true},
                                         farewells_,
                                         [this](const Refusal&) { ++counters_.foreign; });
  }

  void remember_refusal(const std::string& host) {
    if (host.empty()) return;
    if (refused_.size() == kMaxRefusals) refused_.pop_front();
    refused_.push_back(host);
    ++last_refusal_;
  }

  void forget(std::uint64_t id) {  // destroyed later, since a function of the client may be running
    const auto found = heads_.extract(id);
    if (!found.empty()) loop_.defer([client = found.mapped()] {});
  }

  runtime::Loop& loop_;
  Dialer dialer_;
  std::shared_ptr<Farewells> farewells_;
  RoomParty party_;
  FullLog full_log_;
  FullLog heads_log_;
  ProxyCounters counters_;
  std::uint64_t next_id_ = 0;
  std::deque<std::string> refused_;  // names; the newest has the number last_refusal_
  std::uint64_t last_refusal_ = 0;
  Tunnels tunnels_;
  std::map<std::uint64_t, std::shared_ptr<ProxyClient>> heads_;  // no request yet; oldest first
  std::map<std::uint64_t, std::shared_ptr<ProxyClient>>
      dialing_;  // the dialer has not answered yet
  std::unique_ptr<Door> door_;
};

Result<std::unique_ptr<Proxy>> Proxy::open(runtime::Loop& loop, const Endpoint& listen,
                                           Dialer dialer, DoorContext context) {
  auto impl = std::make_shared<Impl>(loop, std::move(dialer), context);
  if (const auto listening = impl->listen(listen, std::move(context.owner)); !listening) {
    return fail_with(listening.error());
  }
  return std::unique_ptr<Proxy>(new Proxy(std::move(impl)));
}

Proxy::Proxy(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Proxy::~Proxy() = default;

Endpoint Proxy::local_endpoint() const { return impl_->local_endpoint(); }
ProxyCounters Proxy::counters() const { return impl_->counters(); }
Refusals Proxy::refusals(std::uint64_t after) const { return impl_->refusals(after); }

}  // namespace culvert::proxy
