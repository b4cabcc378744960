// Connects a stream: TCP, through an HTTP proxy if one is given, then TLS if a context is given.
// The connection counts as made after the TLS handshake.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "proto/core/host_port.hpp"
#include "proto/runtime/stream/proxy.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "proto/runtime/stream/tls.hpp"

namespace culvert::runtime {

// `done` is called once, from the loop, with a stream that is not start()ed yet. The destructor
// cancels, also inside `done`.
class StreamConnect {
 public:
  using Done = std::function<void(Result<std::unique_ptr<ByteStream>>)>;
  StreamConnect(Loop& loop, const HostPort& to, std::shared_ptr<TlsClientContext> tls /*or null*/,
                ConnectOptions options, Done done,
                std::shared_ptr<const HttpProxy> proxy = nullptr);
  ~StreamConnect();
  StreamConnect(const StreamConnect&) = delete;
  StreamConnect& operator=(const StreamConnect&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
