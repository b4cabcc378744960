// The effects of a session: what the shell, which owns the sockets, shall do. Each connection to an
// upstream has a number of its own (UpstreamId), so that a session may use several at a time.
// Streams (codec.hpp) share the bytes of a connection; only the codecs know them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/http/client_codec.hpp"

namespace culvert::http {

enum class UpstreamId : std::uint32_t {};  // a connection to an upstream; counts from 1

// What to do with one connection to an upstream, in this order.
struct UpstreamEffect {
  UpstreamId upstream{};
  std::optional<std::size_t> connect;  // make the connection, to the upstream with this index
  Bytes bytes;
  bool finish = false;  // half-close
  bool close = false;   // close, or give up connecting; the id is not used again
  bool gently = false;  // with `close`: after the upstream has got all bytes, not at once
};

// Carry these out in their order: upstreams first, then bytes to the client, then the client's end.
struct Effects {
  std::vector<UpstreamEffect> upstreams;  // connections to close come first
  Bytes to_client;
  bool finish_client = false;  // half-close
  std::optional<End> end;      // the client's connection ends; at most once
};

}  // namespace culvert::http
