#include "agent/terminator/terminator.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "agent/terminator/flow.hpp"

namespace culvert::terminator {
using namespace runtime;

namespace {

// A leaf certificate lives for one day; a new one is made when half of its life is over.
constexpr std::chrono::seconds kLeafLifetime = crypto::kMaxLeafLifetime;

}  // namespace

struct Terminator::Impl {
  Impl(Loop& loop, crypto::ServerIssuer i, Authorize authorize)
      : issuer(std::move(i)),
        host(std::make_shared<FlowHost>(FlowHost{loop, std::move(authorize), {}, {}, {}})) {}

  crypto::ServerIssuer issuer;
  std::shared_ptr<FlowHost> host;
  std::map<std::string, std::shared_ptr<ServiceState>> services;
  // The contexts of the clients' TLS, by their ALPN names.
  std::map<std::vector<std::string>, std::shared_ptr<TlsServerContext>> tls;
  using Flows = std::map<std::uint64_t, std::shared_ptr<Flow>>;
  std::map<IpAddress, Flows> flows;  // by peer; none is empty
  std::size_t count = 0;
  std::uint64_t next_id = 1;

  crypto::TlsIdentity identity(ServiceState& service, const std::string& name);
  Result<std::shared_ptr<TlsServerContext>> tls_context(const std::vector<std::string>& alpn);
  void make_room(const IpAddress& peer);
  void ended(const IpAddress& peer, std::uint64_t id);
};

crypto::TlsIdentity Terminator::Impl::identity(ServiceState& service, const std::string& name) {
  const WallTime now = host->loop.now().wall;
  auto leaf = service.leaves.find(name);
  if (leaf != service.leaves.end() &&
      (now >= leaf->second.renew_at || now < leaf->second.renew_at - kLeafLifetime)) {
    service.leaves.erase(leaf);
    leaf = service.leaves.end();
  }
  if (leaf == service.leaves.end()) {
    crypto::TlsIdentity made = issuer.issue(name, kLeafLifetime, now);
    const WallTime renew_at = now + (made.not_after() - now) / 2;
    leaf = service.leaves.emplace(name, Leaf{std::move(made), renew_at}).first;
  }
  return leaf->second.identity;
}

Result<std::shared_ptr<TlsServerContext>> Terminator::Impl::tls_context(
    const std::vector<std::string>& alpn) {
  const auto known = tls.find(alpn);
  if (known != tls.end()) return known->second;
  auto made = TlsServerContext::make(ChooseIdentity(), alpn);  // each stream has its own choice
  if (made) tls.emplace(alpn, *made);
  return made;
}

// Makes room for one more connection of this peer. A crashed device leaves connections that nobody
// ends, and they must not keep the device out after its restart.
void Terminator::Impl::make_room(const IpAddress& peer) {
  auto of = flows.find(peer);
  const std::size_t own = of == flows.end() ? 0 : of->second.size();
  if (own < kMaxConnectionsOfPeer && count < kMaxConnections) return;
  if (own < kMaxConnectionsOfPeer) {
    of = std::max_element(flows.begin(), flows.end(), [](const auto& a, const auto& b) {
      return a.second.size() < b.second.size();
    });
  }
  const auto idle = std::min_element(
      of->second.begin(), of->second.end(),
      [](const auto& a, const auto& b) { return a.second->last_byte() < b.second->last_byte(); });
  const auto flow = idle->second;
  ++host->counters.replaced;
  flow->end("idle longest of too many connections");
}

void Terminator::Impl::ended(const IpAddress& peer, std::uint64_t id) {
  const auto of = flows.find(peer);
  if (of == flows.end()) return;
  const auto flow =
      of->second.extract(id);  // kept to the end of this call: its function is running
  if (flow.empty()) return;
  --count;
  if (of->second.empty()) flows.erase(of);
}

Terminator::Terminator(Loop& loop, crypto::ServerIssuer issuer, Authorize authorize)
    : impl_(std::make_shared<Impl>(loop, std::move(issuer), std::move(authorize))) {
  Impl* self = impl_.get();
  impl_->host->identity = [self](ServiceState& service, const std::string& name) {
    return self->identity(service, name);
  };
  impl_->host->ended = [self](const IpAddress& peer, std::uint64_t id) { self->ended(peer, id); };
}

Terminator::~Terminator() {
  for (const auto& [peer, flows] : impl_->flows) {
    for (const auto& [id, flow] : flows) flow->abandon();
  }
}

Status Terminator::set_service(Service service) {
  auto targets = make_targets(service);
  if (!targets) return fail_with(targets.error());
  auto tls = impl_->tls_context(service.alpn());
  if (!tls) return fail_with(tls.error());
  auto state = std::make_shared<ServiceState>();
  state->service = std::make_shared<const Service>(std::move(service));
  state->targets = std::make_shared<const Targets>(std::move(*targets));
  state->tls = std::move(*tls);
  const std::string fqdn = state->service->fqdn;
  impl_->services[fqdn] = std::move(state);
  return {};
}

void Terminator::remove_service(const std::string& fqdn, const std::string& reason) {
  impl_->services.erase(fqdn);
  cut_if([&](const IpAddress&, const std::string& of) { return of == fqdn; }, reason);
}

void Terminator::accept(const std::string& fqdn, std::unique_ptr<ByteStream> stream,
                        const Endpoint& peer) {
  auto& counters = impl_->host->counters;
  const auto service = impl_->services.find(fqdn);
  if (service == impl_->services.end()) {
    ++counters.denied;
    return;  // the destructor closes the stream
  }
  impl_->make_room(peer.address);
  ++counters.accepted;
  const auto id = impl_->next_id++;
  const auto flow = std::make_shared<Flow>(impl_->host, service->second, id, peer.address);
  impl_->flows[peer.address].emplace(id, flow);
  ++impl_->count;
  flow->begin(std::move(stream));
}

std::size_t Terminator::cut_if(
    const std::function<bool(const IpAddress& peer, const std::string& fqdn)>& which,
    const std::string& reason) {
  std::vector<std::shared_ptr<Flow>> cut;
  for (const auto& [peer, flows] : impl_->flows) {
    for (const auto& [id, flow] : flows) {
      if (which(peer, flow->fqdn())) cut.push_back(flow);
    }
  }
  for (const auto& flow : cut) {
    ++impl_->host->counters.cut;
    flow->end(reason);
  }
  return cut.size();
}

std::size_t Terminator::connections() const { return impl_->count; }
const Counters& Terminator::counters() const { return impl_->host->counters; }

}  // namespace culvert::terminator
