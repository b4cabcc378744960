// Messages after the TLS handshake: a stranger may finish a handshake and then send KeyUpdate
// messages, each of which makes the server derive keys.
#include <openssl/ssl.h>

#include <array>
#include <catch2/catch.hpp>
#include <memory>

#include "tests/proto/runtime/stream/tls_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

crypto::TlsIdentity identity() {
  return crypto::self_signed({"relay.example", 1h, {}}, read_clocks().wall);
}

// A TLS 1.3 client over one end of a TCP connection. The test holds the client's SSL object.
struct RawClient {
  explicit RawClient(std::unique_ptr<TcpStream> to) : stream(std::move(to)) {
    context.reset(SSL_CTX_new(TLS_client_method()));
    ssl.reset(SSL_new(context.get()));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl.get());
    StreamEvents events;
    events.data = [this](ByteView bytes) {
      BIO_write(SSL_get_rbio(ssl.get()), bytes.data(), static_cast<int>(bytes.size()));
      SSL_do_handshake(ssl.get());
      send();
    };
    events.end = [] {};
    events.drained = [] {};
    events.closed = [this](const runtime::Closing&) { closed = true; };
    stream->start(std::move(events));
    SSL_do_handshake(ssl.get());
    send();
  }
  void send() {
    std::array<std::uint8_t, 4096> sealed{};
    for (;;) {
      const int count = BIO_read(SSL_get_wbio(ssl.get()), sealed.data(), sealed.size());
      if (count <= 0) return;
      stream->write(ByteView(sealed).first(static_cast<std::size_t>(count)));
    }
  }
  void update_keys() {
    REQUIRE(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    SSL_do_handshake(ssl.get());
    send();
  }
  void write(ByteView bytes) {
    REQUIRE(SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size())) > 0);
    send();
  }
  bool ready() const { return SSL_is_init_finished(ssl.get()) == 1; }

  struct Free {
    void operator()(SSL_CTX* object) const { SSL_CTX_free(object); }
    void operator()(SSL* object) const { SSL_free(object); }
  };
  std::unique_ptr<TcpStream> stream;
  std::unique_ptr<SSL_CTX, Free> context;
  std::unique_ptr<SSL, Free> ssl;
  bool closed = false;
};

}  // namespace

TEST_CASE("a flood of KeyUpdate messages ends the stream that sends it", "[runtime][tls]") {
  Loop loop;
  TcpPair tcp(loop);
  Peer server;
  server.take(TlsStream::server(loop, serve(identity()), std::move(tcp.server)));
  RawClient client(std::move(tcp.client));
  RUN_UNTIL(loop, client.ready());
  SECTION("one message after another") {
    for (int i = 0; i < 100; ++i) client.update_keys();
  }
  SECTION("a byte of data between the messages pays for none of them") {
    for (int i = 0; i < 100; ++i) {
      client.update_keys();
      client.write(view("x"));
    }
  }
  RUN_UNTIL(loop, server.closed.has_value());
  CHECK(server.closed->code == ErrorCode::kExhausted);
  CHECK(server.closed->message == "TLS: too many messages after the handshake");
}

TEST_CASE("a peer that renews its keys now and then is served for ever", "[runtime][tls]") {
  Loop loop;
  TcpPair tcp(loop);
  Peer server;
  server.take(TlsStream::server(loop, serve(identity()), std::move(tcp.server)));
  RawClient client(std::move(tcp.client));
  RUN_UNTIL(loop, client.ready());
  const Bytes block(16U << 10U, 'x');
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    client.update_keys();
    for (int piece = 0; piece < 16; ++piece) client.write(block);
    sent += 16 * block.size();
    RUN_UNTIL(loop, server.got.size() == sent);
  }
  CHECK_FALSE(server.closed);
}
