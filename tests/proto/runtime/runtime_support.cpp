#include "tests/proto/runtime/runtime_support.hpp"

namespace culvert::test {

TcpPair::TcpPair(runtime::Loop& loop) {
  auto listener = runtime::TcpListener::open(
      loop, loopback(), [&](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
        server = std::move(stream);
      });
  REQUIRE(listener);
  runtime::TcpConnect connect(loop, (*listener)->local_endpoint(), {}, [&](auto stream) {
    REQUIRE(stream);
    client = std::move(*stream);
  });
  RUN_UNTIL(loop, client && server);
}

}  // namespace culvert::test
