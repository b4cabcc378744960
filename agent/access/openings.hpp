// Openings of connections in the audit log: how many a grantee may make, and how they are written.
//
// A durable line covers every opening before the flow goes on. For each grantee, grant and service:
//   - the first kListed openings of a window have one line each;
//   - then one line, the announcement, says that up to kGroup further openings until the end of the
//     window are only counted;
//   - afterwards a flow-group line has their number, the times of the first and the last, and the
//     bytes of the flows that have ended.
// After a crash the announcement remains: it bounds how many flows may have been opened.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "agent/access/journal.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::agent {

class Openings {
 public:
  static constexpr Duration kWindow = 10s;
  static constexpr std::uint64_t kListed = 16;
  static constexpr std::uint64_t kGroup = 4096;
  static constexpr std::int64_t kRate = 200;           // openings a second of one grantee
  static constexpr std::int64_t kBurst = 2000;         // openings at once of one grantee
  static constexpr std::int64_t kDeniedBurst = 20;     // lines about one peer, then one a second
  static constexpr std::size_t kMaxRemembered = 4096;  // windows; beyond: a line for every opening

  explicit Openings(Journal& journal) : journal_(journal) {}

  struct Opened {
    std::uint64_t audit = 0;  // index of the line that covers the opening
    // Number among the openings that an announcement covers; 0: the opening has a line of its own.
    std::uint64_t member = 0;
  };
  // `opening` names the grantee's device, the grant and the service. kExhausted: this grantee opens
  // too fast; others are not affected. Other errors: the log cannot be written.
  Result<Opened> open(Now now, audit::Entry opening);
  // `closing`: as `opening` of open(), with the flow's bytes. `member`: Opened::member.
  void close(Now now, audit::Entry closing, std::uint64_t member);
  // Beyond the rate for one peer, refusals are only counted; the peer's next line has their number.
  void denied(Now now, const IpAddress& peer, audit::Entry entry);

  Instant next_deadline() const { return next_; }
  void handle_timeout(Now now);  // writes the counts of windows that are over
  void finish(Now now);          // the agent stops: writes the counts of all windows

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // device, grant, service
  struct Window {
    audit::Entry about;  // the window's first opening, for the fields of the flow-group line
    Instant end;
    std::uint64_t listed = 0;
    std::uint64_t room = 0;  // openings that the announcement still covers
    std::uint64_t announcement = 0;
    std::uint64_t members = 0;
    std::uint64_t opened = 0, closed = 0;  // not yet in a flow-group line
    WallTime first, last;
    std::uint64_t bytes_in = 0, bytes_out = 0;

    bool untold() const { return opened > 0 || closed > 0; }
  };
  struct Refusals {
    RateLimit rate;
    std::uint64_t untold = 0;
  };

  bool in_time(Now now, const std::string& device);
  Window* window_of(Now now, const audit::Entry& entry);  // null: too many are remembered
  void tell(Now now, Window& window);
  void forget(Now now);

  Journal& journal_;
  std::map<Key, Window> windows_;
  std::map<std::string, RateLimit> rates_;  // by device
  std::map<IpAddress, Refusals> refusals_;
  Instant next_ = Instant::never();
};

}  // namespace culvert::agent
