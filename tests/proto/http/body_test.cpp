#include "proto/http/body.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::http;
using Kind = Framing::Kind;

namespace {

struct Read {
  bool good = true;
  bool done = false;
  std::string data;
  std::size_t used = 0;
};

// Reads `raw` in pieces of `step` bytes.
Read read(const std::string& raw, std::size_t step, Framing framing = {Kind::kChunked, 0}) {
  BodyReader reader(framing);
  Read out;
  std::size_t end = 0;
  while (!reader.done() && out.used < raw.size()) {
    end = std::min(raw.size(), std::max(end, out.used) + step);
    while (!reader.done()) {
      const auto piece = reader.take(view(raw).subspan(out.used, end - out.used));
      if (!piece) return {false, false, out.data, out.used};
      out.data += text(piece->data);
      out.used += piece->used;
      if (piece->used == 0) break;
    }
  }
  out.done = reader.done();
  return out;
}

}  // namespace

TEST_CASE("http body: chunks, split at every byte", "[http]") {
  const std::string raw = "5\r\nhello\r\n00c\r\n, chunks: \r\n\r\n0\r\nA: b\r\nTrailer: c\r\n\r\n";
  for (std::size_t step = 1; step <= raw.size(); ++step) {
    const auto got = read(raw + "GET", step);
    CHECK(got.good);
    CHECK(got.done);
    CHECK(got.data == "hello, chunks: \r\n");
    CHECK(got.used == raw.size());
  }
  // A prefix is neither refused nor complete.
  for (std::size_t size = 0; size < raw.size(); ++size) {
    const auto got = read(raw.substr(0, size), 7);
    CHECK(got.good);
    CHECK_FALSE(got.done);
  }
}

TEST_CASE("http body: a written body reads back the same", "[http]") {
  Bytes out;
  append_body(out, view("hello"), true);
  append_body(out, {}, true);  // an empty piece must not become the last chunk
  append_body(out, view(std::string(300, 'x')), true);
  append_last_chunk(out, {});
  const auto got = read(std::string(text(out)), 3);
  CHECK(got.done);
  CHECK(got.data == "hello" + std::string(300, 'x'));
  Bytes plain;
  append_body(plain, view("hello"), false);
  CHECK(text(plain) == "hello");
}

TEST_CASE("http attack: chunks that could be read in two ways", "[http]") {
  using namespace std::string_literals;
  const auto [attack, raw] = GENERATE(table<const char*, std::string>({
      {"an extension", "5;a=b\r\nhello\r\n0\r\n\r\n"},
      {"an extension of the last chunk", "0;a\r\n\r\n"},
      {"a plus", "+5\r\nhello\r\n0\r\n\r\n"},
      {"a minus", "-5\r\nhello\r\n0\r\n\r\n"},
      {"0x", "0x5\r\nhello\r\n0\r\n\r\n"},
      {"a space before", " 5\r\nhello\r\n0\r\n\r\n"},
      {"a space after", "5 \r\nhello\r\n0\r\n\r\n"},
      {"a tab after", "5\t\r\nhello\r\n0\r\n\r\n"},
      {"an underscore", "1_0\r\n"},
      {"overflow to nothing", "10000000000000000\r\n\r\n"},
      {"overflow to five", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"too many zeros", "0000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"no size", "\r\nhello\r\n0\r\n\r\n"},
      {"a bare LF after the size", "5\nhello\r\n0\r\n\r\n"},
      {"a bare CR after the size", "5\rhello\r\n0\r\n\r\n"},
      {"a bare LF after the data", "5\r\nhello\n0\r\n\r\n"},
      {"a bare CR after the data", "5\r\nhello\r0\r\n\r\n"},
      {"more data than the size", "4\r\nhello\r\n0\r\n\r\n"},
      {"less data than the size", "6\r\nhello\r\n0\r\n\r\n"},
      {"a NUL in the size", "5\0\r\nhello\r\n0\r\n\r\n"s},
      {"a trailer that is none", "0\r\nGET / HTTP/1.1\r\n\r\n"},
      {"a trailer with a space before the colon", "0\r\nA : b\r\n\r\n"},
      {"a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"},
      {"a trailer without a name", "0\r\n: b\r\n\r\n"},
      {"a bare LF in trailers", "0\r\nA: b\n\r\n"},
      {"trailers without an end", "0\r\nA: " + std::string(kMaxTrailerSize, 'a')},
  }));
  CAPTURE(attack);
  CHECK_FALSE(read(raw, 1).good);
  CHECK_FALSE(read(raw, raw.size()).good);
}

TEST_CASE("http body: by length, none, and to the end", "[http]") {
  const auto five = read("hello, more", 2, {Kind::kLength, 5});
  CHECK(five.done);
  CHECK(five.data == "hello");
  CHECK(BodyReader({Kind::kLength, 0}).done());
  CHECK(BodyReader({Kind::kNone, 0}).done());
  const auto all = read("to the end", 3, {Kind::kUntilClose, 0});
  CHECK_FALSE(all.done);
  CHECK(all.data == "to the end");
}

TEST_CASE("http body: trailers are read and written", "[http]") {
  Bytes out;
  const HttpHeaders trailers{{"A", "b"}, {"Grpc-Message", "two words"}};
  append_body(out, view("hello"), true);
  append_last_chunk(out, trailers);
  CHECK(text(out) == "5\r\nhello\r\n0\r\nA: b\r\nGrpc-Message: two words\r\n\r\n");
  BodyReader reader({Kind::kChunked, 0});
  std::size_t used = 0;
  while (!reader.done()) {
    const auto piece = reader.take(ByteView(out).subspan(used));
    REQUIRE(piece);
    REQUIRE(piece->used > 0);
    used += piece->used;
  }
  CHECK(used == out.size());
  CHECK(reader.take_trailers().list() == trailers.list());
}
