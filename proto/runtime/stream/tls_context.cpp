// The server and client contexts: settings that all streams of a listener or a client share.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "proto/core/endpoint.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/runtime/stream/tls.hpp"
#include "proto/runtime/stream/tls_impl.hpp"

namespace culvert::runtime {
namespace {

constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

tl::unexpected<Error> failed(const char* what) {
  const char* why = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return fail(ErrorCode::kInvalid, std::string("TLS: ") + what + ": " + (why ? why : "refused"));
}

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> out(SSL_CTX_new(method), SSL_CTX_free);
  if (!out) return out;
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(out.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(out.get(), 0);
  SSL_CTX_set_mode(out.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_cipher_list(out.get(), kTls12Ciphers);
  return out;
}

// The wire format of ALPN (RFC 7301 §3.1): each name after its length. Empty when a name is not
// valid.
Bytes alpn_wire(const std::vector<std::string>& names) {
  Bytes out;
  for (const auto& name : names) {
    if (name.empty() || name.size() > 255) return {};
    out.push_back(static_cast<std::uint8_t>(name.size()));
    append(out, view(name));
  }
  return out;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* offered, unsigned offered_size, void* ours) {
  const auto& wire = *static_cast<const Bytes*>(ours);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, wire.data(), static_cast<unsigned>(wire.size()),
                            offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// Replaces OpenSSL's chain verification for kPinned: compares the hash of the certificate itself.
int check_pin(X509_STORE_CTX* store, void* pin) {
  unsigned char* raw = nullptr;
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  const int size = certificate == nullptr ? 0 : i2d_X509(certificate, &raw);
  if (size > 0) {
    const auto hash = crypto::sha256(ByteView(raw, static_cast<std::size_t>(size)));
    OPENSSL_free(raw);
    if (hash == *static_cast<const crypto::Hash*>(pin)) return 1;
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

Status add_authorities(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return failed("system authorities");
    return {};
  }
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  int count = 0;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next);
    X509_free(next);
    ++count;
  }
  ERR_clear_error();  // the error "no start line" ends every list of PEM certificates
  if (count == 0) return fail(ErrorCode::kInvalid, "TLS: no certificate in the CA bundle");
  return {};
}

Status require_name(SSL_CTX* context, const std::string& name) {
  if (name.empty()) return fail(ErrorCode::kInvalid, "TLS: no server name to verify");
  X509_VERIFY_PARAM* rules = SSL_CTX_get0_param(context);
  // The name must be in the subjectAltName (RFC 9110 §4.3.4); the common name is ignored.
  X509_VERIFY_PARAM_set_hostflags(
      rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int set = parse_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str())
                                      : X509_VERIFY_PARAM_set1_host(rules, name.c_str(), 0);
  if (set != 1) return failed("server name");
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::make(ChooseIdentity choose,
                                                                 std::vector<std::string> alpn) {
  auto out = std::make_shared<TlsServerContext>();
  out->context_ = make_context(TLS_server_method());
  if (!out->context_) return failed("server context");
  out->choose_ = std::move(choose);
  out->alpn_ = alpn_wire(alpn);
  if (!out->alpn_.empty()) {
    SSL_CTX_set_alpn_select_cb(out->context_.get(), choose_alpn, &out->alpn_);
  }
  // SSL_CTX_callback_ctrl is used instead of OpenSSL's macro, which has a C cast inside.
  SSL_CTX_callback_ctrl(out->context_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(TlsStream::Impl::choose_certificate));
  return out;
}

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::make(
    const crypto::TlsIdentity& identity, std::vector<std::string> alpn) {
  return make([identity](std::string_view) { return Result<crypto::TlsIdentity>(identity); },
              std::move(alpn));
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::make(TlsClientOptions options) {
  auto out = std::make_shared<TlsClientContext>();
  out->context_ = make_context(TLS_client_method());
  if (!out->context_) return failed("client context");
  out->options_ = std::move(options);
  SSL_CTX* context = out->context_.get();
  switch (out->options_.verify) {
    case TlsVerify::kPinned:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
      SSL_CTX_set_cert_verify_callback(context, check_pin, &out->options_.pin);
      break;
    case TlsVerify::kAuthorities:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
      if (auto added = add_authorities(context, out->options_.authorities_pem); !added) {
        return fail_with(added.error());
      }
      if (auto named = require_name(context, out->options_.server_name); !named) {
        return fail_with(named.error());
      }
      break;
    case TlsVerify::kNone:
      SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
      break;
  }
  const auto wire = alpn_wire(out->options_.alpn);
  if (!wire.empty()) {
    SSL_CTX_set_alpn_protos(context, wire.data(), static_cast<unsigned>(wire.size()));
  }
  return out;
}

}  // namespace culvert::runtime
