// The stub resolver: UDP and TCP on 127.0.0.153:53. Questions for names of the mesh (agent/dns) are
// answered here and never leave the machine. Other questions go to the servers that the machine had
// before, UDP as UDP and TCP as TCP (after a truncated answer the client asks again by TCP).
//
// When a server is silent for kServerPatience, the question goes to the next server; after the last
// server the answer is SERVFAIL. The UDP socket towards the servers exists only while questions
// wait, so that its port changes often, and ids are random (RFC 5452 §9).
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

inline constexpr std::size_t kMaxQuestions = 256;    // that wait for a server; more get SERVFAIL
inline constexpr std::size_t kMaxTcpClients = 32;    // further connections are closed at once
inline constexpr Duration kServerPatience = 2s;      // time of one server for one question
inline constexpr Duration kTcpClientPatience = 10s;  // longest life of a client's connection

struct StubOptions {
  Endpoint at;                    // port 53 of 127.0.0.153
  std::vector<Endpoint> servers;  // empty: names outside of the mesh get SERVFAIL
  // The names that the program at `client` may know. Called for each question.
  std::function<dns::Names(const Endpoint& client, bool tcp)> names;
};

struct StubCounters {
  std::uint64_t questions = 0, answered = 0, forwarded = 0, failed = 0;
  std::uint64_t malformed = 0;  // from clients
  std::uint64_t foreign = 0;    // datagrams that answer no question of ours
};

class Stub {
 public:
  // kConflict: the port is in use. kDenied: port 53 needs root or CAP_NET_BIND_SERVICE.
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
