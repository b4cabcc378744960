// The sender's identity, and the access log: one JSON line for each request, refused ones included.
// Each line refers to the audit log by `audit`, the index of the flow-open entry, which is durable
// before the first request goes on. A request id is "AUDIT-N" for the N-th request of the flow, or
// "AUDIT.FLOW-N" where one entry announced several flows. Queries are never written, since they may
// contain secrets.
//
// The way of a record: Exchange fills it in while the request is under way → render() → AccessLog,
// which is a file in the agent (agent/terminator/access_log.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxLoggedText = 1024;  // bytes of one field; longer fields are cut

// The sender of the requests, as the grant in force names it. Every request for an upstream has
// these texts in its headers.
struct Identity {
  std::string person;
  std::string grant;
  std::string device;
  std::uint64_t audit = 0;  // index of the flow-open entry
  std::uint64_t flow = 0;   // number among the flows that the entry announced; 0: the only flow

  bool complete() const;  // each field is set and is valid as a header's value
};

struct AccessRecord {
  WallTime at;
  std::string id;
  std::string service;
  Identity who;
  std::string host;
  std::string method;
  std::string path;
  bool has_query = false;
  int status = 0;               // 0: the client got no status
  std::uint64_t bytes_in = 0;   // bytes of the request's body, or of a tunnel
  std::uint64_t bytes_out = 0;  // bytes of the response's body, or of a tunnel
  Duration took{};
  std::optional<std::string> error;  // what went wrong; nothing: all went well
};
std::string render(const AccessRecord& record);  // one line, newline included

class AccessLog {
 public:
  AccessLog() = default;
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  virtual ~AccessLog() = default;

  virtual Status ready() = 0;  // called before a request goes on; an error refuses the request
  virtual void write(std::string line) = 0;
};

}  // namespace culvert::http
