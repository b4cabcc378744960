// A TLS server and client over one loopback connection.
#pragma once

#include "proto/runtime/tls.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

namespace culvert::test {

struct TlsPair {
  TlsPair(runtime::Loop& loop, const std::shared_ptr<runtime::TlsServerContext>& server_context,
          const std::shared_ptr<runtime::TlsClientContext>& client_context);

  Peer client, server;
  std::optional<runtime::TlsInfo> client_info, server_info;
};

std::shared_ptr<runtime::TlsServerContext> serve(const runtime::TlsIdentity& identity,
                                                 std::vector<std::string> alpn = {});
std::shared_ptr<runtime::TlsClientContext> trusting(const std::string& pem,
                                                    const std::string& name);

}  // namespace culvert::test
