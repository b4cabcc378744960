// HTTP/1.1 for the agent's local API, on the loop: one request a connection, a whole body, one
// whole answer. No thread waits for a caller, so a caller that is slow, silent or stopped delays
// nobody. Each caller has one of kMaxApiCallers places, and the newest caller always gets a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/api/reply.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/time.hpp"
#include "proto/http/head.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::api {

// To make room, the server closes the oldest caller whose request is not complete or whose answer
// is being written. If all wait for their answers, the oldest gets kExhausted.
inline constexpr std::size_t kMaxApiCallers = 64;
inline constexpr std::size_t kMaxApiWaiting = 32;  // callers that wait for an answer
inline constexpr std::size_t kMaxApiBody = 256U * 1024U;
inline constexpr Duration kApiRequestTimeout = 5s;  // from connecting to a complete request
inline constexpr Duration kApiAnswerTimeout = 60s;  // then HTTP 504, kTimeout
inline constexpr Duration kApiReadTimeout = 10s;    // longest time without progress of an answer

class ApiServer {
 public:
  // Called with the path and the body of each POST.
  using Asked = std::function<void(const std::string& path, const std::string& body, Answer)>;

  ApiServer(runtime::Loop& loop, Asked asked);
  ~ApiServer();  // waiting callers get kUnavailable
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  void serve(std::unique_ptr<runtime::ByteStream> caller);
  std::size_t callers() const { return callers_.size(); }

 private:
  struct Caller;
  std::size_t waiting() const;
  void make_room();
  void make_room_to_wait();
  void read(std::uint64_t id, ByteView bytes);
  void take_request(std::uint64_t id, Caller& caller);
  void respond(std::uint64_t id, const Reply& reply);
  void send_more(std::uint64_t id);
  void timeout(std::uint64_t id);
  void drop(std::uint64_t id);

  runtime::Loop& loop_;
  Asked asked_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Caller>> callers_;  // the oldest first
  // Destroyed with the server: late answers are dropped.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace culvert::api
