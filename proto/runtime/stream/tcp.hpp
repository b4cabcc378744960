// TCP: streams, connecting to a name or an address, listening. TCP_NODELAY is always set.
#pragma once

#include <functional>
#include <memory>

#include "proto/core/endpoint.hpp"
#include "proto/core/host_port.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/resolve.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

inline constexpr Duration kConnectTimeout = 10s;
inline constexpr Duration kAttemptTimeout = 3s;  // for one address while others are left to try
inline constexpr int kListenBacklog = 512;
// A listener accepts at most so many connections in one turn of the loop; others wait in the
// kernel's backlog. So a flood of connections leaves time for the loop's other work in each turn.
inline constexpr int kMaxAcceptsATurn = 16;

class TcpStream final : public ByteStream {
 public:
  ~TcpStream() override;

  void start(StreamEvents events) override;
  void write(ByteView bytes) override;
  std::size_t unsent() const override;
  void finish() override;
  void close() override;
  void pause() override;
  void resume() override;
  std::size_t hold_little() override;
  bool limited() const override;
  void lift_limits() override;

  // The peer is a stranger until lift_limits(): beyond kMaxForStranger unsent bytes the stream is
  // closed with kExhausted. Keeps `place` until lift_limits() or until the socket closes.
  void limit(std::shared_ptr<void> place);

  // Resets the connection and calls `closed` with `why`, both at the end of the loop's iteration.
  void abort(Error why);

  Endpoint local_endpoint() const;
  Endpoint peer_endpoint() const;

 private:
  friend class TcpConnect;
  friend class TcpListener;
  struct Impl;
  explicit TcpStream(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

struct ConnectOptions {
  Duration timeout = kConnectTimeout;             // for the look-up and all attempts together
  std::function<bool(const IpAddress&)> allowed;  // asked before each attempt for its address
  // Makes the socket of each attempt, bound or not. Without it each attempt uses a new socket.
  std::function<Result<int>()> socket = {};
};

// A connection under way: resolves the name, then tries the addresses in turn. `done` is called
// once, from the loop. The destructor cancels, also inside `done`.
class TcpConnect {
 public:
  using Done = std::function<void(Result<std::unique_ptr<TcpStream>>)>;
  TcpConnect(Loop& loop, const HostPort& to, ConnectOptions options, Done done);
  TcpConnect(Loop& loop, const Endpoint& to, ConnectOptions options, Done done);
  ~TcpConnect();
  TcpConnect(const TcpConnect&) = delete;
  TcpConnect& operator=(const TcpConnect&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

class TcpListener {
 public:
  using Accepted = std::function<void(std::unique_ptr<TcpStream>, const Endpoint& peer)>;

  // Port 0 lets the system choose. [::] takes IPv4 as well. The error names the address and the
  // cause.
  static Result<std::unique_ptr<TcpListener>> open(Loop& loop, const Endpoint& at,
                                                   Accepted accepted);
  // Listens on a bound stream socket: TCP, or a Unix socket (endpoints are then empty). Owns the
  // descriptor from now on, also on failure.
  static Result<std::unique_ptr<TcpListener>> adopt(Loop& loop, int descriptor, Accepted accepted);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  Endpoint local_endpoint() const;
  void pause();  // no `accepted` until resume(): connections wait in the kernel's backlog
  void resume();

 private:
  struct Impl;
  static int listen(Impl& impl);
  explicit TcpListener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
