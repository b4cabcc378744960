// Openings of connections in the audit log: how many a grantee may make, and how they are written.
//
// Every opening is covered by a durable line before it goes on. Of one grantee, grant and service
// the first kListed openings of a window have a line each. Then one more line, the announcement,
// says that up to kGroup further ones until the window's end are counted; those need no line of
// their own, and a flow-group line tells afterwards how many there were, the first and the last,
// and the bytes of those that have ended. After a crash the announcement is left: it bounds what
// may have been opened.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "agent/core/journal.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::agent {

class Openings {
 public:
  static constexpr Duration kWindow = 10s;
  static constexpr std::uint64_t kListed = 16;
  static constexpr std::uint64_t kGroup = 4096;
  static constexpr std::int64_t kRate = 200;           // openings a second of one grantee …
  static constexpr std::int64_t kBurst = 2000;         // … and at once
  static constexpr std::int64_t kDeniedBurst = 20;     // lines about one peer, then one a second
  static constexpr std::size_t kMaxRemembered = 4096;  // beyond: every opening has its line

  explicit Openings(Journal& journal) : journal_(journal) {}

  struct Opened {
    std::uint64_t audit = 0;  // index of the line that covers it
    std::uint64_t member =
        0;  // its number among those that an announcement covers; 0: its own line
  };
  // `opening` names the grantee's device, the grant and the service. kExhausted: this grantee opens
  // too fast; others are not affected. Other errors: the log cannot be written.
  Result<Opened> open(Now now, audit::Entry opening);
  // `closing` as for open(), with its bytes.
  void close(Now now, audit::Entry closing, std::uint64_t member);
  // Lines about one peer beyond the rate are counted into the next one.
  void denied(Now now, const IpAddress& peer, audit::Entry entry);

  Instant next_deadline() const { return next_; }
  void handle_timeout(Now now);  // writes the counts of windows that are over
  void finish(Now now);          // … and of those that are not: the agent stops

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // device, grant, service
  struct Window {
    audit::Entry about;  // whom and what, for the flow-group line
    Instant end;
    std::uint64_t listed = 0;
    std::uint64_t room = 0;  // openings that the announcement still covers
    std::uint64_t announcement = 0;
    std::uint64_t members = 0;
    std::uint64_t opened = 0, closed = 0;  // not yet told
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
