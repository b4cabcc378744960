// The stub resolver: UDP and TCP on 127.0.0.153:53. What agent/dns says is the mesh's is answered
// here and never leaves; all else goes to the servers that the machine had before, UDP as UDP and
// TCP as TCP (a truncated answer makes the client come back by TCP).
//
// A server that is silent for kServerPatience is passed over for this question; when the last one
// is, the answer is SERVFAIL. The socket towards them lives while questions wait, so that its port
// changes, and ids are random (RFC 5452 §9).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/dns/names.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::tun {

inline constexpr std::size_t kMaxQuestions = 256;    // waiting for a server; further: SERVFAIL
inline constexpr std::size_t kMaxTcpClients = 32;    // further ones are closed at once
inline constexpr Duration kServerPatience = 2s;      // of one server for one question
inline constexpr Duration kTcpClientPatience = 10s;  // a connection's whole life

struct StubOptions {
  Endpoint at;                    // port 53 of 127.0.0.153
  std::vector<Endpoint> servers;  // none: what is not ours gets SERVFAIL
  // What the program behind a question from `client` may know: asked for each question anew.
  std::function<dns::Names(const Endpoint& client, bool tcp)> names;
};

struct StubCounters {
  std::uint64_t questions = 0, answered = 0, forwarded = 0, failed = 0;
  std::uint64_t malformed = 0;  // from clients
  std::uint64_t foreign = 0;    // datagrams from outside that answer nothing
};

class Stub {
 public:
  // kConflict: the port is taken; kDenied: it needs root or CAP_NET_BIND_SERVICE.
  static Result<std::unique_ptr<Stub>> open(runtime::Loop& loop, Rng& rng, StubOptions options);
  ~Stub();
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  const StubCounters& counters() const;

 private:
  class Impl;
  explicit Stub(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::tun
