// A Unix stream socket that controls a program: each client sends requests and gets one answer to
// each, in order. Requests and answers may contain secrets, so their memory is wiped after use. At
// most kMaxClients at a time; others wait in the backlog. Nothing more is read from a client until
// it has read its answer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

struct UnixAnswer {
  std::size_t used = 0;  // bytes taken from the front of `received`; at least 1
  Bytes answer;          // may be empty
  bool hang_up = false;  // close after the answer
};
// The handler of one client, made when the client connects. It is called with the bytes that
// earlier calls did not use and the bytes that came since. It must not destroy the UnixSocket.
using UnixClient = std::function<UnixAnswer(ByteView received)>;

struct UnixSocketEvents {
  std::function<UnixClient()> connected;
  std::function<void()> removed;  // somebody unlinked the socket: no client can connect any more
};

class UnixSocket {
 public:
  static constexpr std::size_t kMaxClients = 32;

  // Makes a missing folder with mode 0700; the socket has mode 0600. Replaces a socket that a dead
  // process left. kConflict: a living process answers at the path.
  static Result<std::unique_ptr<UnixSocket>> listen(Loop& loop, const std::string& path,
                                                    UnixSocketEvents events);
  ~UnixSocket();  // unlinks the path, if it is still our socket; safe inside `removed`
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

 private:
  struct Impl;
  explicit UnixSocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
