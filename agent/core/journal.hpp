// This node's audit log: written through audit::Sink, and sent on to the coordinator (which keeps a
// copy for both sides) in batches, each until it is acknowledged.
//
// Rule 7: what opens something is durable first; what ends something acts first and is written
// after. While the sink refuses, nothing opens, and after kBroken everything that runs is cut.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "proto/audit/sink.hpp"
#include "proto/core/time.hpp"

namespace culvert::agent {

class Journal {
 public:
  static constexpr Duration kBroken = 25s;          // cut within 30 s of the first failure
  static constexpr Duration kProbe = 5s;            // how often a failed sink is tried again
  static constexpr std::size_t kMaxWaiting = 4096;  // entries not yet acknowledged; oldest go
  static constexpr std::size_t kBatch = 64;

  // `acknowledged`: how many entries the coordinator has (remembered by the caller).
  Journal(audit::Sink& sink, std::string node, std::string site, std::uint64_t acknowledged);

  Status opening(Now now, audit::Entry entry);
  void ending(Now now, audit::Entry entry);  // failures are remembered, nothing else

  std::uint64_t newest() const { return sink_.head().size - 1; }  // index of the last entry
  bool writable() const { return failing_since_ == Instant::never(); }
  bool broken(Now now) const { return !writable() && now.steady - failing_since_ >= kBroken; }
  Instant next_deadline() const;
  void handle_timeout(Now now);  // tries a failed sink again

  struct Batch {
    std::uint64_t first = 0;
    std::vector<std::string> lines;
  };
  bool has_batch() const { return !in_flight_ && !waiting_.empty(); }
  Batch next_batch();                     // one at a time
  std::uint64_t acknowledge(bool taken);  // → how many the coordinator has now
  // The coordinator takes a line of the batch never. The next batch is half as long, until the line
  // is alone: then it stays in the local log, and what comes after it goes on.
  std::uint64_t refuse();  // → how many the coordinator has, or will never have
  // The coordinator has the entries before `next` alone: what comes after is sent (again), as far
  // as the local log gives it. Nothing happens while a batch is under way; its answer comes first.
  void resume(std::uint64_t next);
  std::uint64_t lost() const { return lost_; }

 private:
  void load(std::uint64_t from);
  Status write(Now now, audit::Entry& entry, audit::Purpose purpose);

  audit::Sink& sink_;
  std::string node_;
  std::string site_;
  Instant failing_since_ = Instant::never();
  Instant probe_at_ = Instant::never();
  Instant cut_at_ = Instant::never();
  std::deque<std::string> waiting_;
  std::uint64_t first_ = 0;  // index of waiting_.front()
  std::size_t in_batch_ = 0;
  std::size_t batch_ = kBatch;  // the most of the next batch
  bool in_flight_ = false;
  std::uint64_t lost_ = 0;
};

}  // namespace culvert::agent
