// A session for the fuzzers: two routes, no log, its effects kept.
#pragma once

#include <cstdlib>
#include <memory>

#include "agent/http/session.hpp"

namespace culvert::fuzz {

inline void require(bool held) {
  if (!held) std::abort();
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
    append(to_upstream, effects.to_upstream);
    append(to_client, effects.to_client);
    over |= effects.end != http::Effects::End::kNo;
    if (effects.connect) {
      session.handle_connected(Now{});
      settle();
    }
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
      session.handle_upstream(Now{}, piece);
      settle();
    }
  }

  http::Session session;
  Bytes to_upstream, to_client;
  bool over = false;
};

}  // namespace culvert::fuzz
