// TLS 1.2 and 1.3 (RFC 8446) by OpenSSL over any ByteStream. No tickets, no renegotiation, no
// 0-RTT.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/crypto/x509.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

struct ssl_ctx_st;

namespace culvert::runtime {

inline constexpr Duration kTlsHandshakeTimeout = 10s;

// Chooses the server's certificate for a name (empty: the client sent none), inside the handshake.
// An error becomes an alert: kNotFound unrecognized_name, kDenied access_denied, others
// internal_error.
using ChooseIdentity = std::function<Result<crypto::TlsIdentity>(std::string_view server_name)>;

struct TlsCounters {
  std::uint64_t handshakes = 0;  // completed
  std::uint64_t failed = 0;      // garbage, alerts, timeouts, failed verification
};

class TlsServerContext {
 public:
  // TlsStream::server() may take another `choose` for one stream. `alpn`: in order of preference; a
  // client that offers only other protocols is refused.
  static Result<std::shared_ptr<TlsServerContext>> make(ChooseIdentity choose,
                                                        std::vector<std::string> alpn = {});
  static Result<std::shared_ptr<TlsServerContext>> make(const crypto::TlsIdentity& identity,
                                                        std::vector<std::string> alpn = {});
  ssl_ctx_st* raw() const { return context_.get(); }
  const TlsCounters& counters() const { return counters_; }

 private:
  friend class TlsStream;
  std::shared_ptr<ssl_ctx_st> context_;
  ChooseIdentity choose_;
  Bytes alpn_;  // in wire format
  TlsCounters counters_;
};

enum class TlsVerify {
  kPinned,       // only checks that the server's certificate has the SHA-256 `pin`
  kAuthorities,  // a chain to `authorities_pem` (empty: the system's), for `server_name`
  kNone,         // only where a protocol inside the stream authenticates (Noise)
};

struct TlsClientOptions {
  TlsVerify verify = TlsVerify::kAuthorities;
  std::string server_name;  // sent as SNI unless it is an IP address
  crypto::Hash pin;
  std::string authorities_pem;
  std::vector<std::string> alpn;
};

class TlsClientContext {
 public:
  static Result<std::shared_ptr<TlsClientContext>> make(TlsClientOptions options);
  const TlsCounters& counters() const { return counters_; }

 private:
  friend class TlsStream;
  std::shared_ptr<ssl_ctx_st> context_;
  TlsClientOptions options_;
  TlsCounters counters_;
};

struct TlsInfo {
  std::string version;            // "TLSv1.3"
  std::string server_name;        // server side: the SNI; may be empty
  std::string alpn;               // the chosen protocol; may be empty
  std::vector<Bytes> peer_chain;  // DER, in the peer's order
};

// The handshake begins at start(). Bytes written earlier wait for the handshake. A peer that ends
// without close_notify causes `closed` with an error, never `end`. On a failure the alert is sent,
// then `closed` comes. Bytes after the peer's close_notify are discarded (RFC 8446 §6.1).
class TlsStream final : public ByteStream {
 public:
  static std::unique_ptr<TlsStream> server(Loop& loop, std::shared_ptr<TlsServerContext> context,
                                           std::unique_ptr<ByteStream> inner,
                                           ChooseIdentity choose = nullptr);
  static std::unique_ptr<TlsStream> client(Loop& loop, std::shared_ptr<TlsClientContext> context,
                                           std::unique_ptr<ByteStream> inner);
  ~TlsStream() override;

  void on_handshake(std::function<void(const TlsInfo&)> done);  // before start()

  void start(StreamEvents events) override;
  void write(ByteView bytes) override;
  std::size_t unsent() const override;
  void finish() override;
  void close() override;  // sends no close_notify, so that the peer sees a cut connection
  void pause() override;
  void resume() override;
  std::size_t hold_little() override;
  bool limited() const override;
  void lift_limits() override;
  std::size_t unread() const;  // received bytes that are not decrypted yet

 private:
  friend class TlsServerContext;
  struct Impl;
  explicit TlsStream(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
