// The kernel's TCP for the mesh, in a separate network namespace (private_network.hpp). Mesh
// packets go through the namespace's TUN device, and its sockets are ordinary streams.
// Segmentation, congestion control and timers are the kernel's.
//
// The namespace accepts every mesh address. The grant filter decides before which packets come in,
// and a socket exists only for an address that add_address() added. The limits of stack.hpp apply;
// the kernel limits the memory of a connection (tcp_rmem, tcp_wmem).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/stack/stack.hpp"
#include "proto/runtime/packet/private_network.hpp"
#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::stack {

runtime::PrivateNetworkOptions kernel_stack_network();

class KernelStack final : public Stack {
 public:
  // `ended`: the helper process or the device is gone; every flow has been cut, and the stack is of
  // no more use. open() fails where the system does not allow a namespace; the error says what was
  // refused.
  static Result<std::unique_ptr<KernelStack>> open(runtime::Loop& loop,
                                                   std::unique_ptr<runtime::PrivateNetwork> network,
                                                   runtime::Offloads offloads, Output output,
                                                   std::function<void()> ended);
  ~KernelStack() override;

  const char* name() const override { return "kernel"; }
  void input(std::span<const ByteView> packets) override;
  Status add_address(const IpAddress& address) override;
  void remove_address(const IpAddress& address) override;
  Status listen(const Endpoint& local, Accepted on_accept) override;
  void unlisten(const Endpoint& local) override;
  void connect(const IpAddress& source, const Endpoint& to, Duration timeout,
               Connected done) override;
  void abort_if(
      const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) override;
  void end_peer(const IpAddress& peer) override;

  std::size_t connections() const { return flows_->all.size() + connecting_.size(); }

 private:
  class Flow;
  struct Flows {  // the flows whose stream has an owner
    std::set<Flow*> all;
    std::map<IpAddress, std::size_t> by_peer;
  };
  struct Connecting {
    IpAddress source;
    Endpoint to;
    Connected done;
    std::unique_ptr<runtime::TcpConnect> connect;
  };

  KernelStack(runtime::Loop& loop, std::unique_ptr<runtime::PrivateNetwork> network, Output output,
              std::function<void()> ended);
  Result<int> socket_at(const Endpoint& local);
  bool has_room(const IpAddress& peer) const;  // the peer has less than is still free
  std::unique_ptr<runtime::ByteStream> hand_out(std::unique_ptr<runtime::TcpStream> tcp);
  void accepted(const Endpoint& local, std::unique_ptr<runtime::TcpStream> tcp,
                const Endpoint& peer);
  void connected(std::uint64_t id, Result<std::unique_ptr<runtime::TcpStream>> tcp);
  void end();

  runtime::Loop& loop_;
  std::unique_ptr<runtime::PrivateNetwork> network_;
  Output output_;
  std::function<void()> ended_;
  std::unique_ptr<runtime::Tun> tun_;
  std::set<IpAddress> addresses_;
  struct Listener {
    std::unique_ptr<runtime::TcpListener> socket;
    std::shared_ptr<Accepted> accepted;  // copied for each call, which may unlisten()
  };
  std::map<Endpoint, Listener> listeners_;
  std::map<std::uint64_t, Connecting> connecting_;
  std::uint64_t last_ = 0;
  std::shared_ptr<Flows> flows_;
};

}  // namespace culvert::stack
