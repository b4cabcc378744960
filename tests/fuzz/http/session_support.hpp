// A session for the fuzzers: two routes, no log. The bytes of its effects are kept.
#pragma once

#include <cstdlib>
#include <memory>

#include "agent/http/session.hpp"
#include "proto/http/body.hpp"

namespace culvert::fuzz {

inline void require(bool held) {
  if (!held) std::abort();
}

// The trailers of a body that the agent has written; empty while the body is incomplete.
inline http::HttpHeaders trailers_of(ByteView bytes, const http::Framing& framing) {
  http::BodyReader body(framing);
  while (!body.done()) {
    const auto piece = body.take(bytes);
    require(piece.has_value());
    if (piece->used == 0) return {};
    bytes = bytes.subspan(piece->used);
  }
  return body.take_trailers();
}

struct Run {
  Run() : session(options(), Now{}) {}

  static http::SessionOptions options() {
    auto routes = std::make_shared<http::Routes>();
    require(routes->add("", "/", 0).has_value() && routes->add("", "/v1", 1).has_value());
    http::SessionOptions out;
    out.routes = std::move(routes);
    out.service = out.tls_name = "a.b";
    out.client = "::1";
    out.who = {"p", "g", "d", 1};
    return out;
  }
  void settle() {
    http::Effects effects;
    session.drain(effects);
    append(to_client, effects.to_client);
    over |= effects.end.has_value();
    bool connected = false;
    for (const auto& effect : effects.upstreams) {
      append(to_upstream, effect.bytes);
      if (!effect.connect) continue;
      newest = effect.upstream;
      session.handle_connected(Now{}, newest);
      connected = true;
    }
    if (connected) settle();
  }
  // Feeds the bytes in pieces of `step` bytes.
  void client(ByteView bytes, std::size_t step) {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(step, bytes.size()));
      bytes = bytes.subspan(piece.size());
      session.handle_client(Now{}, piece);
      settle();
    }
  }
  void upstream(ByteView bytes, std::size_t step) {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(step, bytes.size()));
      bytes = bytes.subspan(piece.size());
      session.handle_upstream(Now{}, newest, piece);
      settle();
    }
  }

  http::Session session;
  Bytes to_upstream, to_client;
  http::UpstreamId newest{};  // connection
  bool over = false;
};

}  // namespace culvert::fuzz
