// Who sends a request, and the access log: one JSON line for each request, refused ones included.
// It is tied to the audit log by `audit`, the index of the flow-open entry, which is durable before
// the first request goes on; request ids are "AUDIT-N", the N-th of that flow, or "AUDIT.FLOW-N"
// where one entry announced several flows. Queries are never written: they may hold secrets.
#pragma once

#include <cstdint>
#include <string>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxLoggedText = 1024;  // bytes of one field; longer ones are cut

// From the grant in force; set as headers of every request.
struct Identity {
  std::string person;
  std::string grant;
  std::string device;
  std::uint64_t audit = 0;  // index of the flow-open entry
  std::uint64_t flow = 0;   // its number among the flows that this entry announced; 0: the only one

  bool complete() const;  // each is there and can be a header's value
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
  int status = 0;  // 0: the client got none
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;  // of bodies, and of a tunnel
  Duration took{};
  std::string error;  // what went wrong; empty: nothing
};
std::string render(const AccessRecord& record);  // one line, with its newline

class AccessLog {
 public:
  AccessLog() = default;
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  virtual ~AccessLog() = default;

  virtual Status ready() = 0;  // asked before a request goes on: an error refuses it
  virtual void write(std::string line) = 0;
};

}  // namespace culvert::http
