// This node's audit log. Entries are written through audit::Sink and sent to the coordinator, which
// keeps a copy for both sides, in batches; each batch is repeated until it is acknowledged.
//
// The entry of an opening is durable before the opening; the entry of an ending is written after
// the ending. While the sink fails, nothing opens, and after kBroken all flows are cut.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "proto/audit/sink.hpp"
#include "proto/core/time.hpp"

namespace culvert::agent {

class Journal {
 public:
  static constexpr Duration kBroken = 25s;          // so that flows end within 30 s of a failure
  static constexpr Duration kProbe = 5s;            // how often a failed sink is tried again
  static constexpr std::size_t kMaxWaiting = 4096;  // entries not yet acknowledged; oldest go
  static constexpr std::size_t kBatch = 64;         // entries

  // `acknowledged`: how many entries the coordinator has; the caller stores this number.
  Journal(audit::Sink& sink, std::string node, std::string site, std::uint64_t acknowledged);

  Status opening(Now now, audit::Entry entry);
  void ending(Now now, audit::Entry entry);  // a failure is only remembered: writable(), broken()

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
  Batch next_batch();                     // one batch at a time
  std::uint64_t acknowledge(bool taken);  // returns how many entries the coordinator has now
  // The coordinator will never take some line of the batch. The next batch is half as long, and so
  // on, until the line is alone in its batch: then the line is given up and stays in the local log.
  std::uint64_t refuse();  // returns how many entries the coordinator has or will never get
  // The coordinator has only the entries before `next`: later entries are sent again, as far as the
  // local log has them. No effect while a batch is under way, since its answer comes first.
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
  std::size_t batch_ = kBatch;  // most entries of the next batch
  bool in_flight_ = false;
  std::uint64_t lost_ = 0;
};

}  // namespace culvert::agent
