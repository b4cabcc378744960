// LineWriter with a reader that does not read: no writer waits, and lines without room are counted
// and reported.
#include "proto/runtime/loop/line_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace culvert;
using namespace culvert::runtime;

namespace {

std::string read_all(int from) {
  std::string out(1U << 20U, '\0');
  std::size_t size = 0;
  for (;;) {
    const auto got = ::read(from, out.data() + size, out.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  out.resize(size);
  return out;
}

struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    close_writer();
  }
  void close_writer() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  std::string read_to_end() {
    close_writer();
    return read_all(ends[0]);
  }
  int ends[2] = {-1, -1};
};

std::string read_some(int from, std::size_t size) {
  std::string out;
  std::string chunk(size, '\0');
  while (out.size() < size) {
    const auto got = ::read(from, chunk.data(), size - out.size());
    REQUIRE(got > 0);
    out.append(chunk, 0, static_cast<std::size_t>(got));
  }
  return out;
}

}  // namespace

TEST_CASE("line writer: lines arrive whole and in order", "[runtime][log]") {
  Pipe pipe;
  std::string all;
  {
    LineWriter writer(pipe.ends[1]);
    for (int i = 0; i < 1000; ++i) {
      const auto line = "line " + std::to_string(i) + "\n";
      all += line;
      writer.write(line);
    }
    CHECK(writer.dropped() == 0);
  }
  CHECK(pipe.read_to_end() == all);
}

TEST_CASE("line writer: a full pipe stops nobody; what is dropped is said", "[runtime][log]") {
  Pipe pipe;
  const std::string line = std::string(99, 'x') + "\n";
  std::uint64_t dropped = 0;
  std::string seen;
  std::string rest;
  std::thread reader;
  constexpr std::uint64_t kLines = 20'000;  // 2 MB for a pipe of 64 KiB and a queue of 256 KiB
  {
    LineWriter writer(pipe.ends[1]);
    for (std::uint64_t i = 0; i < kLines; ++i) writer.write(line);  // nobody reads
    dropped = writer.dropped();
    CHECK(dropped > kLines / 2);
    seen = read_some(pipe.ends[0], 200'000);  // the reader is back
    writer.write("after\n");
    reader = std::thread([&] { rest = read_all(pipe.ends[0]); });  // a pipe may hold only a page
  }
  pipe.close_writer();
  reader.join();
  seen += rest;
  // Each gap is reported at its place; the reports add up to the number of dropped lines.
  std::istringstream lines(seen);
  std::uint64_t whole = 0;
  std::uint64_t announced = 0;
  std::string one;
  while (std::getline(lines, one)) {
    const auto notice = one.find(" log lines were dropped");
    if (notice != std::string::npos) announced += std::stoull(one);
    if (one + "\n" == line) ++whole;
  }
  CHECK(announced == dropped);
  CHECK(whole == kLines - dropped);
  CHECK(seen.ends_with("\nafter\n"));
}

TEST_CASE("line writer: the destructor returns although nobody reads", "[runtime][log]") {
  Pipe pipe;
  {
    LineWriter writer(pipe.ends[1]);
    for (int i = 0; i < 2000; ++i) writer.write(std::string(99, 'x') + "\n");
  }  // waits kLastLines at most
  // The caller closes its descriptor while the thread still writes.
  CHECK(pipe.read_to_end().size() > 60'000);
}

TEST_CASE("line writer: a reader that has gone, and a descriptor that does not block",
          "[runtime][log]") {
  Pipe pipe;
  ::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK);
  std::string all;
  {
    LineWriter writer(pipe.ends[1]);
    for (int i = 0; i < 1000; ++i) writer.write(std::string(99, 'x') + "\n");
    all = read_some(pipe.ends[0], 100'000);
  }
  CHECK(all.size() == 100'000);
  const auto ignored = ::signal(SIGPIPE, SIG_IGN);
  ::close(pipe.ends[0]);
  {
    LineWriter writer(pipe.ends[1]);
    for (int i = 0; i < 10; ++i) writer.write("nobody\n");
  }
  ::signal(SIGPIPE, ignored);
  pipe.ends[0] = -1;
}
