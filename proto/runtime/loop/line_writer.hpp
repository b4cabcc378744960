// Writes lines to a file descriptor on a separate thread, so that write() never waits for the
// reader at the other end, however slow or stuck the reader is. At most kMaxQueued bytes wait.
// Further lines are dropped and counted; once the reader goes on, it gets "N log lines were
// dropped" in their place. Each line is one write(2), so that lines of several processes stay
// whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proto/core/time.hpp"

namespace culvert::runtime {

class LineWriter {
 public:
  static constexpr std::size_t kMaxQueued = 256U << 10U;
  static constexpr Duration kLastLines = 1s;  // how long the destructor waits for the reader

  // Writes to a duplicate of the descriptor, which the caller may close at any time. The thread
  // begins with the first line, so that a program may fork before the thread exists.
  explicit LineWriter(int descriptor);
  ~LineWriter();  // waits at most kLastLines until the queued lines are written
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void write(std::string line);   // `line` ends with "\n"; any thread
  std::uint64_t dropped() const;  // since the beginning; any thread

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;  // shared with the thread, which may be stuck in write(2)
};

}  // namespace culvert::runtime
