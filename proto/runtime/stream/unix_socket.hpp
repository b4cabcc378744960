// A Unix stream socket for a program's control: each client sends requests and gets one answer to
// each, in order. Made for small local tools that speak of secrets: what was read or written is
// wiped. At most kMaxClients at a time, others wait in the backlog; a client that does not read its
// answer is not read from either.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

struct UnixAnswer {
  std::size_t used = 0;  // bytes that were taken from the front; at least 1
  Bytes answer;          // may be empty
  bool hang_up = false;  // close after the answer
};
// A client's own, made when it connects. Called anew with what it left over and what came since;
// must not destroy the UnixSocket.
using UnixClient = std::function<UnixAnswer(ByteView received)>;

struct UnixSocketEvents {
  std::function<UnixClient()> connected;
  std::function<void()> removed;  // somebody unlinked the socket: nobody can connect any more
};

class UnixSocket {
 public:
  static constexpr std::size_t kMaxClients = 32;

  // The folder is made, 0700, if it is not there; the socket is 0600. A socket that a dead process
  // left is replaced; kConflict when one answers.
  static Result<std::unique_ptr<UnixSocket>> listen(Loop& loop, const std::string& path,
                                                    UnixSocketEvents events);
  ~UnixSocket();  // unlinks it, if it still is ours; safe inside `removed`
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

 private:
  struct Impl;
  explicit UnixSocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
