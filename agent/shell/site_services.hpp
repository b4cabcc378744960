// The site agent's side of a flow: the file with the server issuer, the listeners on the stack, and
// the terminator that gets their connections.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/shell/agent_shell.hpp"
#include "agent/shell/config.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/crypto/x509.hpp"

namespace culvert::agent {

// This agent's server issuer: certificate and key in one PEM file (0600), made on the first start
// and again one month before the certificate's end.
class ServerIssuerFile {
 public:
  static constexpr std::chrono::hours kLifetime{24 * 365 * 5};
  static constexpr std::chrono::hours kRenewBefore{24 * 30};

  static Result<std::unique_ptr<ServerIssuerFile>> open(const std::string& path,
                                                        const std::string& site, WallTime now);
  const crypto::ServerIssuer& issuer() const { return issuer_; }
  Bytes certificate() const { return issuer_.identity().certificate_der(); }

 private:
  explicit ServerIssuerFile(crypto::ServerIssuer issuer) : issuer_(std::move(issuer)) {}
  crypto::ServerIssuer issuer_;
};

class SiteServices {
 public:
  // Fails when an upstream, its CA file or the access log cannot be used. `loop`, `shell` and
  // `issuer` outlive the result.
  static Result<std::unique_ptr<SiteServices>> make(
      runtime::Loop& loop, Shell& shell, const ServerIssuerFile& issuer,
      const std::map<std::string, UpstreamConfig>& services, const std::string& access_log);

  FlowEvents events();
  void cut_all(const std::string& reason);  // call it at the end, for the audit log
  const terminator::Counters& counters() const { return terminator_.counters(); }

 private:
  SiteServices(runtime::Loop& loop, Shell& shell, const ServerIssuerFile& issuer);
  void listen(const ListenService& what);
  void cut(const CutFlows& what);
  Result<terminator::Admission> authorize(const IpAddress& peer, const std::string& fqdn);

  runtime::Loop& loop_;
  Shell& shell_;
  std::map<std::string, terminator::Service> configured_;  // by the name in the configuration
  std::map<Endpoint, std::string> listening_;
  terminator::Terminator terminator_;
};

}  // namespace culvert::agent
