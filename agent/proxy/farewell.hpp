// Last answers to local connections that are not served: sends the answer, half-closes, discards
// bytes that the client still sends, and closes when the client closes or after kLingerTime. At
// most kMaxFarewells at a time: a further connection is closed at once, without an answer, so that
// a flood of refused connections holds no descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::proxy {

inline constexpr std::size_t kMaxFarewells = 64;  // of one Farewells object

class Farewells {
 public:
  // Returns the answer to a client that begins with these bytes; empty: no answer.
  using Answer = std::function<std::string(ByteView first)>;

  explicit Farewells(runtime::Loop& loop) : loop_(loop) {}
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;

  // `stream` is not started, or a ReplayStream after hand_over().
  void say(std::unique_ptr<runtime::ByteStream> stream, const std::string& answer);
  // Waits for the client's first bytes, which show the client's protocol.
  void say_by_first_bytes(std::unique_ptr<runtime::ByteStream> stream, Answer answer);
  std::size_t size() const { return open_.size(); }

 private:
  struct One {
    std::unique_ptr<runtime::ByteStream> stream;
    std::unique_ptr<runtime::Timer> timer;
    Answer answer;  // empty once the answer was sent
  };
  void begin(std::unique_ptr<runtime::ByteStream> stream, Answer answer);
  void on_data(std::uint64_t id, ByteView bytes);
  void end(std::uint64_t id);

  runtime::Loop& loop_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, One> open_;
};

}  // namespace culvert::proxy
