#include "agent/stack/kernel_stack.hpp"

#include "proto/core/mesh_prefix.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "proto/runtime/loop/sockaddr.hpp"

namespace culvert::stack {
namespace {

using runtime::ByteStream;
using runtime::TcpStream;

// BBR keeps its rate on paths that lose packets. A kernel without BBR uses its default.
constexpr std::string_view kCongestion = "bbr";

Error no_access() { return {ErrorCode::kDenied, "access ended"}; }

Error started_anew() { return {ErrorCode::kUnavailable, "the other side has restarted"}; }

bool set_flag(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

// Keepalive with the values of lwIP (lwipopts.h): a peer that has been silent for one minute is
// probed, and after two minutes the connection ends. Accepted sockets inherit the setting from the
// listener.
void probe_silent_peers(int socket) {
  const int idle = 60;  // seconds
  const int interval = 10;
  const int count = 6;
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  set_flag(socket, SOL_SOCKET, SO_KEEPALIVE);
}

}  // namespace

// A stream that the stack can find and cut as long as the stream has an owner.
class KernelStack::Flow final : public ByteStream {
 public:
  Flow(std::shared_ptr<Flows> flows, std::unique_ptr<TcpStream> tcp)
      : flows_(std::move(flows)), tcp_(std::move(tcp)), peer_(tcp_->peer_endpoint().address) {
    flows_->all.insert(this);
    ++flows_->by_peer[peer_];
  }
  ~Flow() override {
    flows_->all.erase(this);
    const auto count = flows_->by_peer.find(peer_);
    if (--count->second == 0) flows_->by_peer.erase(count);
  }

  void start(runtime::StreamEvents events) override { tcp_->start(std::move(events)); }
  void write(ByteView bytes) override { tcp_->write(bytes); }
  std::size_t unsent() const override { return tcp_->unsent(); }
  void finish() override { tcp_->finish(); }
  void close() override { tcp_->close(); }
  void pause() override { tcp_->pause(); }
  void resume() override { tcp_->resume(); }

  TcpStream& tcp() { return *tcp_; }
  const IpAddress& peer() const { return peer_; }

 private:
  std::shared_ptr<Flows> flows_;
  std::unique_ptr<TcpStream> tcp_;
  IpAddress peer_;
};

runtime::PrivateNetworkOptions kernel_stack_network() { return {"mesh", kMeshMtu, mesh_prefix()}; }

Result<std::unique_ptr<KernelStack>> KernelStack::open(
    runtime::Loop& loop, std::unique_ptr<runtime::PrivateNetwork> network,
    runtime::Offloads offloads, Output output, std::function<void()> ended) {
  const auto device = network->device(offloads.vnet);
  if (!device) return fail_with(device.error());
  std::unique_ptr<KernelStack> stack(
      new KernelStack(loop, std::move(network), std::move(output), std::move(ended)));
  runtime::TunOptions options;
  options.offloads = offloads;
  options.gone = [raw = stack.get()] { raw->end(); };
  auto tun = runtime::Tun::adopt(
      loop, *device,
      [raw = stack.get()](std::span<const RoomyPacket> packets) { raw->output_(packets); },
      std::move(options));
  if (!tun) return fail_with(tun.error());
  stack->tun_ = std::move(*tun);
  const auto watched = stack->network_->watch(loop, [raw = stack.get()] { raw->end(); });
  if (!watched) return fail_with(watched.error());
  return stack;
}

KernelStack::KernelStack(runtime::Loop& loop, std::unique_ptr<runtime::PrivateNetwork> network,
                         Output output, std::function<void()> ended)
    : loop_(loop),
      network_(std::move(network)),
      output_(std::move(output)),
      ended_(std::move(ended)),
      flows_(std::make_shared<Flows>()) {}

KernelStack::~KernelStack() {
  while (!flows_->all.empty()) {  // closing a flow may destroy other flows
    Flow* flow = *flows_->all.begin();
    flows_->all.erase(flow);
    flow->close();
  }
}

void KernelStack::input(std::span<const ByteView> packets) { tun_->write(packets); }

Status KernelStack::add_address(const IpAddress& address) {
  if (address.is_v4()) return fail(ErrorCode::kInvalid, "a mesh address is IPv6");
  if (addresses_.contains(address)) return {};
  if (addresses_.size() >= kMaxAddresses) {
    return fail(ErrorCode::kExhausted,
                "more than " + std::to_string(kMaxAddresses) + " service addresses in one agent");
  }
  addresses_.insert(address);
  return {};
}

void KernelStack::remove_address(const IpAddress& address) {
  addresses_.erase(address);
  abort_if([&](const Endpoint& local, const Endpoint&) { return local.address == address; });
  std::erase_if(listeners_, [&](const auto& each) { return each.first.address == address; });
}

// A socket bound to `local`, an address that no interface has; a local route makes it possible.
Result<int> KernelStack::socket_at(const Endpoint& local) {
  auto made = network_->socket();
  if (!made) return made;
  const int socket = *made;
  ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, kCongestion.data(), kCongestion.size());
  const auto at = runtime::to_sockaddr(local);
  const bool any = local.port != 0 || set_flag(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  if (any && set_flag(socket, IPPROTO_IPV6, IPV6_FREEBIND) &&
      set_flag(socket, SOL_SOCKET, SO_REUSEADDR) && ::bind(socket, at.raw(), at.size) == 0) {
    return socket;
  }
  const int error = errno;
  ::close(socket);
  return fail(ErrorCode::kUnavailable, "bind to " + format(local) + ": " + std::strerror(error));
}

Status KernelStack::listen(const Endpoint& local, Accepted on_accept) {
  if (!addresses_.contains(local.address)) {
    return fail(ErrorCode::kInvalid, "not an address of this agent");
  }
  if (listeners_.contains(local)) return fail(ErrorCode::kConflict, "the port is in use");
  if (listeners_.size() >= kMaxListeners) {
    return fail(ErrorCode::kExhausted, "more listeners than the network stack has");
  }
  const auto socket = socket_at(local);
  if (!socket) return fail_with(socket.error());
  probe_silent_peers(*socket);
  auto listener = runtime::TcpListener::adopt(
      loop_, *socket, [this, local](std::unique_ptr<TcpStream> tcp, const Endpoint& peer) {
        accepted(local, std::move(tcp), peer);
      });
  if (!listener) return fail_with(listener.error());
  listeners_[local] = {std::move(*listener), std::make_shared<Accepted>(std::move(on_accept))};
  return {};
}

bool KernelStack::has_room(const IpAddress& peer) const {
  const auto mine = flows_->by_peer.find(peer);
  return (mine == flows_->by_peer.end() ? 0 : mine->second) + connections() < kMaxConnections;
}

void KernelStack::accepted(const Endpoint& local, std::unique_ptr<TcpStream> tcp,
                           const Endpoint& peer) {
  if (!has_room(peer.address)) return tcp->abort(no_access());
  const auto call = listeners_.at(local).accepted;
  (*call)(hand_out(std::move(tcp)), peer);
}

std::unique_ptr<ByteStream> KernelStack::hand_out(std::unique_ptr<TcpStream> tcp) {
  return std::make_unique<Flow>(flows_, std::move(tcp));
}

void KernelStack::unlisten(const Endpoint& local) { listeners_.erase(local); }

void KernelStack::connect(const IpAddress& source, const Endpoint& to, Duration timeout,
                          Connected done) {
  const auto refuse = [&](ErrorCode code, const char* why) {
    loop_.defer([done, error = Error{code, why}] { done(fail_with(error)); });
  };
  if (!addresses_.contains(source) || to.address.is_v4()) {
    return refuse(ErrorCode::kInvalid, "not an address of the mesh");
  }
  if (!has_room(to.address)) {
    return refuse(ErrorCode::kExhausted, "too many connections are open");
  }
  const auto id = ++last_;
  runtime::ConnectOptions options;
  options.timeout = timeout;
  options.socket = [this, source] { return socket_at({source, 0}); };
  auto& connecting = connecting_[id] = {source, to, std::move(done), nullptr};
  connecting.connect = std::make_unique<runtime::TcpConnect>(
      loop_, to, std::move(options),
      [this, id](Result<std::unique_ptr<TcpStream>> tcp) { connected(id, std::move(tcp)); });
}

void KernelStack::connected(std::uint64_t id, Result<std::unique_ptr<TcpStream>> tcp) {
  const auto held = connecting_.extract(id);
  if (!tcp) return held.mapped().done(fail_with(tcp.error()));
  held.mapped().done(hand_out(std::move(*tcp)));
}

void KernelStack::abort_if(
    const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) {
  for (Flow* flow : flows_->all) {
    auto& tcp = flow->tcp();
    if (cut(tcp.local_endpoint(), tcp.peer_endpoint())) tcp.abort(no_access());
  }
  for (auto at = connecting_.begin(); at != connecting_.end();) {
    const auto next = std::next(at);
    if (cut({at->second.source, 0}, at->second.to)) {
      loop_.defer([done = std::move(at->second.done)] { done(fail_with(no_access())); });
      connecting_.erase(at);
    }
    at = next;
  }
}

void KernelStack::end_peer(const IpAddress& peer) {
  for (Flow* flow : flows_->all) {
    if (flow->peer() == peer) flow->tcp().abort(started_anew());
  }
}

void KernelStack::end() {
  if (!ended_) return;
  const auto call = std::exchange(ended_, nullptr);
  listeners_.clear();
  abort_if([](const Endpoint&, const Endpoint&) { return true; });
  call();
}

}  // namespace culvert::stack
