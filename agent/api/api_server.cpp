#include "agent/api/api_server.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "proto/runtime/loop/timer.hpp"

namespace culvert::api {
namespace {

std::string render(const Reply& reply) {
  return "HTTP/1.1 " + std::to_string(reply.http_status) + " " +
         http::reason_of(reply.http_status) +
         "\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(reply.body.size()) + "\r\nConnection: close\r\n\r\n" + reply.body;
}

// Nothing: the size is missing or malformed, or too large.
std::optional<std::size_t> body_size(const http::HttpHeaders& headers) {
  if (headers.count("Transfer-Encoding") > 0 || headers.count("Content-Length") > 1) {
    return std::nullopt;
  }
  const auto digits = headers.one("Content-Length");
  if (digits.empty())
    return headers.count("Content-Length") == 0 ? std::optional(0U) : std::nullopt;
  std::size_t size = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, size);
  if (error != std::errc() || at != end || size > kMaxApiBody) return std::nullopt;
  return size;
}

}  // namespace

struct ApiServer::Caller {
  enum class State { kAsking, kWaiting, kAnswered };
  Caller(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> s, std::function<void()> fired)
      : stream(std::move(s)), timer(loop, std::move(fired)) {}

  State state = State::kAsking;
  std::unique_ptr<runtime::ByteStream> stream;
  runtime::Timer timer;
  Bytes received;
  std::optional<http::RequestHead> head;  // set: complete; the body follows
  std::size_t body = 0;
  std::string answer;  // unwritten from offset `written`
  std::size_t written = 0;
};

ApiServer::ApiServer(runtime::Loop& loop, Asked asked) : loop_(loop), asked_(std::move(asked)) {}

ApiServer::~ApiServer() {
  alive_.reset();
  for (auto& [id, caller] : callers_) {
    if (caller->state != Caller::State::kWaiting) continue;
    caller->stream->write(
        view(render(Reply::failed({ErrorCode::kUnavailable, "the agent is stopping"}))));
  }
}

void ApiServer::serve(std::unique_ptr<runtime::ByteStream> stream) {
  if (callers_.size() - waiting() >= kMaxApiCallers - kMaxApiWaiting) make_room();
  const auto id = next_id_++;
  auto& caller = callers_[id];
  caller = std::make_unique<Caller>(loop_, std::move(stream), [this, id] { timeout(id); });
  caller->timer.arm_in(kApiRequestTimeout);
  runtime::StreamEvents events;
  events.data = [this, id](ByteView bytes) { read(id, bytes); };
  events.end = [this, id] {
    if (callers_.at(id)->state == Caller::State::kAsking) drop(id);
  };
  events.drained = [this, id] { send_more(id); };
  events.closed = [this, id](const runtime::Closing&) { drop(id); };
  caller->stream->start(std::move(events));
}

std::size_t ApiServer::waiting() const {
  return static_cast<std::size_t>(std::count_if(
      callers_.begin(), callers_.end(),
      [](const auto& entry) { return entry.second->state == Caller::State::kWaiting; }));
}

void ApiServer::make_room() {
  for (const auto& [id, caller] : callers_) {
    if (caller->state != Caller::State::kWaiting) return drop(id);
  }
}

void ApiServer::make_room_to_wait() {
  for (const auto& [id, caller] : callers_) {
    if (caller->state != Caller::State::kWaiting) continue;
    return respond(id, Reply::failed({ErrorCode::kExhausted,
                                      "more than " + std::to_string(kMaxApiWaiting) +
                                          " commands wait for an answer: this one, the oldest, "
                                          "was ended"}));
  }
}

void ApiServer::read(std::uint64_t id, ByteView bytes) {
  auto& caller = *callers_.at(id);
  if (caller.state != Caller::State::kAsking) return;
  append(caller.received, bytes);
  if (!caller.head) {
    const bool line_ended = std::find(bytes.begin(), bytes.end(), '\n') != bytes.end();
    if (!line_ended && caller.received.size() < http::kMaxHeadSize) return;
    const auto parsed = http::parse_request_head(caller.received);
    if (!parsed) return respond(id, Reply::failed(parsed.error()));
    if (parsed->size == 0) return;
    const auto size = body_size(parsed->head.headers);
    if (!size) {
      return respond(
          id, Reply::failed({ErrorCode::kInvalid, "the body must say its Content-Length, at most " +
                                                      std::to_string(kMaxApiBody) + " bytes"}));
    }
    caller.head = parsed->head;
    caller.body = *size;
    caller.received.erase(caller.received.begin(),
                          caller.received.begin() + static_cast<std::ptrdiff_t>(parsed->size));
    if (caller.head->headers.has_token("Expect", "100-continue")) {
      caller.stream->write(view("HTTP/1.1 100 Continue\r\n\r\n"));
    }
  }
  if (caller.received.size() >= caller.body) take_request(id, caller);
}

void ApiServer::take_request(std::uint64_t id, Caller& caller) {
  if (caller.head->method != "POST") {
    return respond(id, Reply::failed({ErrorCode::kNotFound, "commands are POST /v1/COMMAND"}));
  }
  const std::string body(text(ByteView(caller.received).first(caller.body)));
  caller.received.clear();
  if (waiting() >= kMaxApiWaiting) make_room_to_wait();
  caller.state = Caller::State::kWaiting;
  caller.timer.arm_in(kApiAnswerTimeout);
  const std::string path = caller.head->target;  // a copy: asked_ may destroy the caller
  asked_(path, body, [this, id, left = std::weak_ptr<int>(alive_)](const Reply& reply) {
    if (!left.expired()) respond(id, reply);
  });
}

void ApiServer::respond(std::uint64_t id, const Reply& reply) {
  const auto found = callers_.find(id);
  if (found == callers_.end() || found->second->state == Caller::State::kAnswered) return;
  auto& caller = *found->second;
  caller.state = Caller::State::kAnswered;
  caller.answer = render(reply);
  send_more(id);
}

// Writes the answer piece by piece, so that a long answer waits here and not in the stream.
void ApiServer::send_more(std::uint64_t id) {
  auto& caller = *callers_.at(id);
  if (caller.state != Caller::State::kAnswered) return;
  caller.timer.arm_in(kApiReadTimeout);
  while (caller.written < caller.answer.size() && caller.stream->unsent() <= runtime::kLowWater) {
    const auto piece = std::string_view(caller.answer).substr(caller.written, runtime::kHighWater);
    caller.stream->write(view(piece));
    caller.written += piece.size();
  }
  if (caller.written == caller.answer.size()) caller.stream->finish();
}

void ApiServer::timeout(std::uint64_t id) {
  const auto& caller = *callers_.at(id);
  if (caller.state != Caller::State::kWaiting) return drop(id);
  respond(id, Reply::failed({ErrorCode::kTimeout, "the agent did not finish this in time"}));
}

void ApiServer::drop(std::uint64_t id) { callers_.erase(id); }

}  // namespace culvert::api
