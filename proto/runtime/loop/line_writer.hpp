// Lines to a file descriptor, by a thread of its own: whoever writes a line never waits for the
// reader at the other end, however slow or stuck it is. At most kMaxQueued bytes wait. A further
// line is dropped and counted, and "N log lines were dropped" stands in its place once the reader
// goes on. Each line is one write(2), so that lines of several processes stay whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proto/core/time.hpp"

namespace culvert::runtime {

class LineWriter {
 public:
  static constexpr std::size_t kMaxQueued = 256U << 10U;
  static constexpr Duration kLastLines = 1s;  // the reader's time when the writer goes

  // Writes to a duplicate of the descriptor, which the caller may close at any time. The thread
  // begins with the first line, so that a program may fork before the thread exists.
  explicit LineWriter(int descriptor);
  ~LineWriter();  // waits at most kLastLines for what is queued
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void write(std::string line);   // ends with "\n"; any thread
  std::uint64_t dropped() const;  // since the beginning; any thread

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;  // the thread's too: it may outlive this, stuck in write(2)
};

}  // namespace culvert::runtime
