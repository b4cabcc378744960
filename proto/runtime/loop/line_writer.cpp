#include "proto/runtime/loop/line_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace culvert::runtime {
namespace {

enum class Thread { kNone, kRuns, kOver };

// Writes the whole line, waiting for the reader. False when there is no reader any more.
bool write_whole(int descriptor, std::string_view line) {
  while (!line.empty()) {
    const auto written = ::write(descriptor, line.data(), line.size());
    if (written >= 0) {
      line.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // another user of the descriptor made it non-blocking
      pollfd ready{descriptor, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// Without a thread: the line or nothing. A pipe that is ready takes PIPE_BUF bytes without
// blocking, and no more is written.
void write_at_once(int descriptor, std::string line) {
  if (line.size() > PIPE_BUF) line.replace(PIPE_BUF - 1, std::string::npos, "\n");
  pollfd ready{descriptor, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 1) write_whole(descriptor, line);
}

// Starts a thread with all signals blocked: the program's other threads handle signals.
std::thread start_quietly(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread out;
  try {
    out = std::thread(std::move(run));
  } catch (const std::system_error&) {
    // No room for a thread: write() does without, and tries again with the next line.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return out;
}

}  // namespace

struct LineWriter::Queue {
  explicit Queue(int to) : own(::fcntl(to, F_DUPFD_CLOEXEC, 0)), descriptor(own < 0 ? to : own) {}
  ~Queue() {
    if (own >= 0) ::close(own);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  const int own;  // a duplicate: the caller may close the descriptor while the thread writes
  const int descriptor;
  std::mutex mutex;  // guards all members below
  std::condition_variable changed;
  std::deque<std::pair<std::uint64_t, std::string>> lines;  // lines dropped before it, the line
  std::size_t bytes = 0;
  std::uint64_t missing = 0;  // lines dropped after the last one of `lines`
  std::uint64_t dropped = 0;
  Thread thread = Thread::kNone;
  bool stopping = false;

  bool take(std::uint64_t& lost, std::string& line);
  void run();
};

// Waits for the next line, or for a number of lost lines, to write. False: the queue is empty and
// the writer is stopping.
bool LineWriter::Queue::take(std::uint64_t& lost, std::string& line) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return !lines.empty() || missing > 0 || stopping; });
  if (lines.empty()) {
    lost = std::exchange(missing, 0);
    line.clear();
    return lost > 0;
  }
  lost = lines.front().first;
  line = std::move(lines.front().second);
  bytes -= line.size();
  lines.pop_front();
  return true;
}

void LineWriter::Queue::run() {
  std::uint64_t lost = 0;
  std::string line;
  while (take(lost, line)) {
    if (lost > 0) write_whole(descriptor, std::to_string(lost) + " log lines were dropped\n");
    write_whole(descriptor, line);  // after a failure: a later line may find a reader again
  }
  const std::lock_guard lock(mutex);
  thread = Thread::kOver;
  changed.notify_all();
}

LineWriter::LineWriter(int descriptor) : queue_(std::make_shared<Queue>(descriptor)) {}

LineWriter::~LineWriter() {
  std::unique_lock lock(queue_->mutex);
  queue_->stopping = true;
  queue_->changed.notify_all();
  if (queue_->thread != Thread::kRuns) return;
  queue_->changed.wait_for(lock, kLastLines, [&] { return queue_->thread == Thread::kOver; });
}

void LineWriter::write(std::string line) {
  auto& queue = *queue_;
  const std::lock_guard lock(queue.mutex);
  if (queue.bytes + line.size() > kMaxQueued) {
    ++queue.missing;
    ++queue.dropped;
    return;
  }
  if (queue.thread == Thread::kNone) {
    auto thread = start_quietly([kept = queue_] { kept->run(); });
    if (!thread.joinable()) return write_at_once(queue.descriptor, std::move(line));
    queue.thread = Thread::kRuns;
    thread.detach();
  }
  queue.bytes += line.size();
  queue.lines.emplace_back(std::exchange(queue.missing, 0), std::move(line));
  queue.changed.notify_all();
}

std::uint64_t LineWriter::dropped() const {
  const std::lock_guard lock(queue_->mutex);
  return queue_->dropped;
}

}  // namespace culvert::runtime
