// The relay's HTTP server: reads one request head from each accepted stream and answers it, or
// upgrades the stream to DERP (Upgrade: DERP, or a WebSocket with the subprotocol `derp`).
//
//   GET /derp                                    upgrade
//   GET /derp/probe, /derp/latency-check         200, for stock clients
//   GET /generate_204                            204; X-Tailscale-Challenge is answered
//   GET /healthz, /readyz                        200 · 200 or 503
//   GET /metrics                                 on the metrics listener only
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "proto/core/rng.hpp"
#include "proto/derp/frame.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::relay {

enum class Door { kPublic, kMetrics };

struct FrontOptions {
  crypto::RelayKey key;
  bool fast_start = false;  // clients that know the key from our certificate get no 101
};
struct FrontCalls {
  std::function<void(std::unique_ptr<runtime::ByteStream>)> upgraded;
  std::function<bool()> ready;
  std::function<std::string()> metrics;
};

class Front {
 public:
  Front(runtime::Loop& loop, Rng& rng, FrontOptions options, FrontCalls calls);

  // The WaitingRoom through which the streams came bounds how many wait for their request.
  void accept(std::unique_ptr<runtime::ByteStream> stream, Door door);
  std::uint64_t refused() const { return refused_; }  // requests with a bad head

 private:
  void handle(runtime::HttpAcceptor& http, const http::RequestHead& request, Door door);
  void upgrade(runtime::HttpAcceptor& http, const http::RequestHead& request);

  runtime::Loop& loop_;
  Rng& rng_;
  FrontOptions options_;
  FrontCalls calls_;
  std::uint64_t next_ = 0;
  std::uint64_t refused_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<runtime::HttpAcceptor>> pending_;
};

}  // namespace culvert::relay
