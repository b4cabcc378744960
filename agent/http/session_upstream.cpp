// The upstreams' side of a session: connections, responses, tunnels, and errors of an upstream.
#include <algorithm>

#include "agent/http/h1_head.hpp"
#include "agent/http/session.hpp"

namespace culvert::http {

// Finds or makes a connection for the stream. Idle connections to other upstreams are closed.
void Session::reach(Now now, Stream& stream, std::size_t index) {
  for (auto at = upstreams_.begin(); at != upstreams_.end();) {
    auto& [id, upstream] = *at++;
    if (upstream.index == index && upstream.connected && upstream.codec->can_open()) {
      stream.upstream = id;
      return send_head(now, stream);
    }
    if (!serves_a_stream(id)) close_upstream(id, upstream.codec->can_open());
  }
  const UpstreamId id{++connections_};
  Upstream& upstream = upstreams_[id];
  upstream.index = index;
  upstream.connect = index;
  upstream.codec = codecs_.upstream();
  stream.upstream = id;
}

void Session::handle_connected(Now now, UpstreamId from) {
  const auto found = upstreams_.find(from);
  if (end_ || found == upstreams_.end() || found->second.connected) return;
  found->second.connected = true;
  for (auto& [id, stream] : streams_) {
    if (stream.upstream == from) send_head(now, stream);
  }
  run(now);
}

void Session::send_head(Now now, Stream& stream) {
  stream.on_upstream = upstream_of(stream)->codec->open(stream.exchange.forwarded());
  stream.exchange.sent(now);
}

void Session::handle_upstream(Now now, UpstreamId from, ByteView bytes) {
  const auto found = upstreams_.find(from);
  if (end_ || found == upstreams_.end() || bytes.empty()) return;
  progress_ = now.steady;
  if (!serves_a_stream(from)) return close_upstream(from, false);  // a response to no request
  for (auto& [id, stream] : streams_) {
    if (stream.upstream == from) stream.exchange.touch(now);
  }
  found->second.codec->handle_bytes(bytes);
  run(now);
}

// Passes what has come of the response: heads, then the body or the tunnel's bytes.
void Session::pump_response(Now now, Place at) {
  while (!at->second.exchange.has_response()) {
    if (!read_response_head(now, at)) return;
  }
  if (!at->second.exchange.is_response_done()) pass_body(now, at);
}

// False: more bytes are needed, or the stream is over.
bool Session::read_response_head(Now now, Place at) {
  auto& [id, stream] = *at;
  const auto response = upstream_of(stream)->codec->read_head(*stream.on_upstream);
  if (!response) return refuse(now, at, {502, "upstream: " + response.error().message}), false;
  if (!*response) return false;
  const Response& head = **response;
  if (head.status == 101) {
    if (auto ok = codecs_.client->switch_protocols(id, head); !ok) {
      return refuse(now, at, ok.error()), false;
    }
  } else if (head.status < 200) {
    if (!stream.exchange.take_interim()) {
      return refuse(now, at, {502, "upstream: too many interim answers"}), false;
    }
    if (stream.exchange.passes_interim(head.status)) codecs_.client->interim(id, head);
    return true;
  } else {
    codecs_.client->head(id, head);
  }
  stream.exchange.begin_response(head.status);
  return true;
}

void Session::pass_body(Now now, Place at) {
  auto& [id, stream] = *at;
  UpstreamCodec& upstream = *upstream_of(stream)->codec;
  for (;;) {
    const auto piece = upstream.read_body(*stream.on_upstream);
    if (!piece) return refuse(now, at, {502, "upstream: " + piece.error().message});
    if (!piece->data.empty()) codecs_.client->body(id, piece->data);
    stream.exchange.count_out(piece->data.size());
    if (piece->then == BodyPiece::Then::kEnd) {
      codecs_.client->finish(id, response_trailers(piece->trailers));
      return finish_response(now, at);
    }
    if (piece->data.empty()) return;
  }
}

void Session::finish_response(Now now, Place at) {
  Stream& stream = at->second;
  stream.exchange.response_done();
  if (stream.exchange.is_tunnel()) {
    if (stream.exchange.is_request_done()) close(now, at, std::nullopt);
    return;
  }
  Upstream* upstream = upstream_of(stream);
  if (upstream->codec->can_open()) {
    upstream->used = true;
    stream.upstream.reset();
  }
  close(now, at, std::nullopt);
}

void Session::handle_upstream_end(Now now, UpstreamId from) {
  const auto found = upstreams_.find(from);
  if (end_ || found == upstreams_.end()) return;
  if (!serves_a_stream(from)) return close_upstream(from, found->second.codec->can_open());
  if (!found->second.codec->handle_end()) {
    return handle_upstream_lost(now, from, "it ended within its answer");
  }
  run(now);
}

void Session::handle_upstream_lost(Now now, UpstreamId from, const std::string& why) {
  const auto found = upstreams_.find(from);
  if (end_ || found == upstreams_.end()) return;
  found->second.connected = false;
  for (auto at = streams_.begin(); !end_ && at != streams_.end();) {
    const auto present = at++;
    if (present->second.upstream == from) lose_stream(now, present, why);
  }
  close_upstream(from, false);
  run(now);
}

void Session::lose_stream(Now now, Place at, const std::string& why) {
  if (at->second.exchange.has_response()) {
    return reset(now, at, EndKind::kBroken, "upstream: " + why);
  }
  if (!try_again(now, at->second)) refuse(now, at, {502, "upstream: " + why});
}

// Sends the request again on a new connection, if that is safe: the upstream may have closed a kept
// connection just as the request was sent.
bool Session::try_again(Now now, Stream& stream) {
  const Upstream& lost = *upstream_of(stream);
  const bool untouched =
      lost.used && stream.on_upstream && lost.codec->is_untouched(*stream.on_upstream);
  if (!untouched || !stream.exchange.may_repeat()) return false;
  const auto index = lost.index;
  release(stream, false);
  stream.exchange.repeat();
  reach(now, stream, index);
  return true;
}

Session::Upstream* Session::upstream_of(const Stream& stream) {
  const auto found = stream.upstream ? upstreams_.find(*stream.upstream) : upstreams_.end();
  return found == upstreams_.end() ? nullptr : &found->second;
}

// Gives up the stream's place on its connection, which is closed when no stream can use it again.
void Session::release(Stream& stream, bool gently) {
  Upstream* upstream = upstream_of(stream);
  if (upstream == nullptr) return;
  const UpstreamId id = *stream.upstream;
  if (stream.on_upstream) upstream->codec->cancel(*stream.on_upstream);
  stream.upstream.reset();
  stream.on_upstream.reset();
  const bool usable = upstream->connected && upstream->codec->can_open();
  if (!usable && !serves_a_stream(id)) close_upstream(id, gently);
}

// `gently`: what was read for the upstream still goes to it, since no exchange on the connection
// was cut short.
void Session::close_upstream(UpstreamId id, bool gently) {
  const auto found = upstreams_.find(id);
  if (found == upstreams_.end()) return;
  auto output = found->second.codec->drain();
  if (!found->second.connect) {  // otherwise the shell does not know the connection yet
    closed_.push_back({id, std::nullopt, std::move(output.bytes), output.finish, true, gently});
  }
  upstreams_.erase(found);
}

bool Session::serves_a_stream(UpstreamId id) const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [&](const auto& entry) { return entry.second.upstream == id; });
}

}  // namespace culvert::http
