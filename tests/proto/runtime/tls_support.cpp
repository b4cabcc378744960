#include "tests/proto/runtime/tls_support.hpp"

namespace culvert::test {
using namespace runtime;

TlsPair::TlsPair(Loop& loop, const std::shared_ptr<TlsServerContext>& server_context,
                 const std::shared_ptr<TlsClientContext>& client_context) {
  TcpPair tcp(loop);
  auto a = TlsStream::client(loop, client_context, std::move(tcp.client));
  auto b = TlsStream::server(loop, server_context, std::move(tcp.server));
  a->on_handshake([this](const TlsInfo& info) { client_info = info; });
  b->on_handshake([this](const TlsInfo& info) { server_info = info; });
  client.take(std::move(a));
  server.take(std::move(b));
}

std::shared_ptr<TlsServerContext> serve(const TlsIdentity& identity,
                                        std::vector<std::string> alpn) {
  auto context = TlsServerContext::make(identity, std::move(alpn));
  REQUIRE(context);
  return *context;
}

std::shared_ptr<TlsClientContext> trusting(const std::string& pem, const std::string& name) {
  TlsClientOptions options;
  options.verify = TlsVerify::kAuthorities;
  options.authorities_pem = pem;
  options.server_name = name;
  auto context = TlsClientContext::make(options);
  REQUIRE(context);
  return *context;
}

}  // namespace culvert::test
