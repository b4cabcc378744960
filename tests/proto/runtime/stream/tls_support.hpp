// A TLS server and client over one loopback connection.
#pragma once

#include "proto/runtime/stream/tls.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

namespace culvert::test {

struct TlsPair {
  TlsPair(runtime::Loop& loop, const std::shared_ptr<runtime::TlsServerContext>& server_context,
          const std::shared_ptr<runtime::TlsClientContext>& client_context) {
    TcpPair tcp(loop);
    auto a = runtime::TlsStream::client(loop, client_context, std::move(tcp.client));
    auto b = runtime::TlsStream::server(loop, server_context, std::move(tcp.server));
    a->on_handshake([this](const runtime::TlsInfo& info) { client_info = info; });
    b->on_handshake([this](const runtime::TlsInfo& info) { server_info = info; });
    client.take(std::move(a));
    server.take(std::move(b));
  }

  Peer client, server;
  std::optional<runtime::TlsInfo> client_info, server_info;
};

inline std::shared_ptr<runtime::TlsServerContext> serve(const crypto::TlsIdentity& identity,
                                                        std::vector<std::string> alpn = {}) {
  auto context = runtime::TlsServerContext::make(identity, std::move(alpn));
  REQUIRE(context);
  return *context;
}

inline std::shared_ptr<runtime::TlsClientContext> trusting(const std::string& pem,
                                                           const std::string& name) {
  runtime::TlsClientOptions options;
  options.verify = runtime::TlsVerify::kAuthorities;
  options.authorities_pem = pem;
  options.server_name = name;
  auto context = runtime::TlsClientContext::make(options);
  REQUIRE(context);
  return *context;
}

}  // namespace culvert::test
