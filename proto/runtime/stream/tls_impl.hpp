// TlsStream's inside: tls.cpp.
#pragma once

#include <openssl/ssl.h>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/replay_stream.hpp"
#include "proto/runtime/stream/tls.hpp"

namespace culvert::runtime {

// Bytes that a peer may send before the handshake is done. A server sends more than a client,
// because of its certificates.
inline constexpr std::size_t kMaxClientHandshake = 64U << 10U;
inline constexpr std::size_t kMaxServerHandshake = 256U << 10U;

// Handshake messages that a peer may send after the handshake (RFC 8446 section 4.6: KeyUpdate,
// NewSessionTicket). Each costs a derivation of keys. The allowance is kMaxLateMessages, and one
// more for each kBytesALateMessage of data that the peer sends.
inline constexpr int kMaxLateMessages = 32;
inline constexpr std::size_t kBytesALateMessage = 256U << 10U;

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct TlsStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, std::unique_ptr<ByteStream> s);

  Loop& loop;
  std::unique_ptr<ReplayStream> inner;  // null: closed
  std::unique_ptr<SSL, FreeSsl> ssl;    // kept to the end: an SSL call may be on the stack
  std::shared_ptr<TlsServerContext> server;
  std::shared_ptr<TlsClientContext> client;
  ChooseIdentity choose;
  std::function<void(const TlsInfo&)> handshaken;
  EventPort events;
  Timer timer;                      // ends the handshake
  Bytes early;                      // written before the handshake is done
  std::size_t handshake_bytes = 0;  // received before the handshake is done
  int late_messages = 0;            // after the handshake, less those that data has paid for
  std::size_t paying = 0;           // bytes of data toward the next one
  bool established = false;
  bool paused = false;
  bool ended = false;        // the peer's close_notify has come
  bool inner_ended = false;  // the inner stream has ended
  bool finish_wanted = false;
  bool finished = false;  // our close_notify is sent
  bool failing = false;

  // The servername callback of every server context.
  static int choose_certificate(SSL* ssl, int* alert, void*);

  std::size_t handshake_limit() const { return server ? kMaxClientHandshake : kMaxServerHandshake; }
  TlsCounters& counters() { return server ? server->counters_ : client->counters_; }
  void start_inner();
  void take(ByteView sealed);
  void pump();
  bool handshake();  // false: the handshake is not done yet, or has failed
  void on_established();
  void read_records();
  static void count_message(int sent, int version, int type, const void* message, std::size_t size,
                            SSL* ssl, void* self);
  void flush();
  void write(ByteView bytes);
  void send_close_notify();
  void maybe_done();
  void fail_ssl();
  void end(const Closing& why, bool say_goodbye);
  void fail_later(Error why);
  void close();
};

}  // namespace culvert::runtime
