#include "proto/runtime/stream/tls.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "proto/core/endpoint.hpp"
#include "proto/runtime/stream/tls_impl.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kRecord = 16U << 10U;  // the most bytes that SSL_read gives at once

std::string error_text(SSL* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  const auto code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  return reason != nullptr ? reason : "protocol error";
}

std::vector<Bytes> peer_chain(SSL* ssl) {
  std::vector<Bytes> out;
  const auto* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    unsigned char* raw = nullptr;
    const int size = i2d_X509(sk_X509_value(chain, i), &raw);
    if (size > 0) out.emplace_back(raw, raw + size);
    OPENSSL_free(raw);
  }
  return out;
}

bool use_identity(SSL* ssl, const crypto::TlsIdentity& identity) {
  const auto& chain = identity.chain();
  if (SSL_use_certificate(ssl, chain.front().get()) != 1 ||
      SSL_use_PrivateKey(ssl, identity.key()) != 1) {
    return false;
  }
  return std::all_of(chain.begin() + 1, chain.end(), [&](const auto& certificate) {
    return SSL_add1_chain_cert(ssl, certificate.get()) == 1;
  });
}

}  // namespace

int TlsStream::Impl::choose_certificate(SSL* ssl, int* alert, void*) {
  auto* self = static_cast<Impl*>(SSL_get_app_data(ssl));
  const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  std::string name = sent == nullptr ? "" : sent;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto identity =
      self->choose ? self->choose(name)
                   : Result<crypto::TlsIdentity>(fail(ErrorCode::kInternal, "no certificate"));
  if (identity && use_identity(ssl, *identity)) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_INTERNAL_ERROR;
  if (!identity && identity.error().code == ErrorCode::kNotFound) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
  } else if (!identity && identity.error().code == ErrorCode::kDenied) {
    *alert = SSL_AD_ACCESS_DENIED;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

TlsStream::Impl::Impl(Loop& l, std::unique_ptr<ByteStream> s)
    : loop(l), inner(std::make_unique<ReplayStream>(l, std::move(s))), timer(l, [this] {
        ++counters().failed;
        end(Error{ErrorCode::kTimeout, "TLS: the handshake took too long"}, false);
      }) {}

void TlsStream::Impl::start_inner() {
  timer.arm_in(kTlsHandshakeTimeout);
  const auto weak = weak_from_this();
  StreamEvents out;
  out.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->take(bytes);
  };
  out.end = [weak] {
    const auto self = weak.lock();
    if (!self) return;
    self->inner_ended = true;
    self->pump();
  };
  out.drained = [weak] {
    if (const auto self = weak.lock()) self->events.drained();
  };
  out.closed = [weak](const Closing& why) {
    const auto self = weak.lock();
    if (!self) return;
    if (!self->established) ++self->counters().failed;
    const bool cut = !why && !(self->ended && self->finished);
    self->end(cut ? Error{ErrorCode::kUnavailable, "TLS: cut short"} : why, false);
  };
  inner->start(std::move(out));
  loop.defer([weak] {  // a client sends the first message
    if (const auto self = weak.lock()) self->pump();
  });
}

// Decrypts record by record: a BIO never gives memory back, so it should hold few bytes at a time.
void TlsStream::Impl::take(ByteView sealed) {
  while (!sealed.empty() && inner && !ended && !failing) {
    const auto piece = sealed.first(std::min(kRecord, sealed.size()));
    sealed = sealed.subspan(piece.size());
    if (!established && (handshake_bytes += piece.size()) > handshake_limit()) {
      ++counters().failed;
      return fail_later({ErrorCode::kExhausted, "TLS: the handshake is too long"});
    }
    BIO_write(SSL_get_rbio(ssl.get()), piece.data(), static_cast<int>(piece.size()));
    pump();
  }
}

// OpenSSL calls this for each message that it sends or receives; see SSL_set_msg_callback(3).
void TlsStream::Impl::count_message(int sent, int /*version*/, int type, const void* /*message*/,
                                    std::size_t /*size*/, SSL* /*ssl*/, void* self) {
  if (sent != 0 || type != SSL3_RT_HANDSHAKE) return;
  auto& stream = *static_cast<Impl*>(self);
  if (stream.established) ++stream.late_messages;
}

void TlsStream::Impl::pump() {
  if (!inner || failing) return;
  if (!established && !handshake()) return;
  read_records();
  flush();
}

bool TlsStream::Impl::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  flush();
  if (!inner) return false;  // the owner closed the stream inside `choose`
  if (result == 1) {
    on_established();
    return inner != nullptr;
  }
  if (SSL_get_error(ssl.get(), result) != SSL_ERROR_WANT_READ) {
    fail_ssl();
  } else if (inner_ended) {
    ++counters().failed;
    end(Error{ErrorCode::kUnavailable, "TLS: the peer ended within the handshake"}, false);
  }
  return false;
}

void TlsStream::Impl::on_established() {
  established = true;
  timer.cancel();
  ++counters().handshakes;
  if (const Bytes bytes = std::exchange(early, {}); !bytes.empty()) write(bytes);
  if (finish_wanted) send_close_notify();
  if (paused) inner->pause();
  const auto told = std::exchange(handshaken, nullptr);
  if (!told) return;
  TlsInfo info;
  info.version = SSL_get_version(ssl.get());
  const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) info.server_name = name;
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl.get(), &alpn, &alpn_size);
  info.alpn = text({alpn, alpn_size});
  info.peer_chain = peer_chain(ssl.get());
  told(info);
}

void TlsStream::Impl::read_records() {
  std::array<std::uint8_t, kRecord> plain;  // NOLINT: written before it is read
  while (inner && !paused && !ended && !failing) {
    ERR_clear_error();
    const int count = SSL_read(ssl.get(), plain.data(), kRecord);
    if (late_messages > kMaxLateMessages) {
      ++counters().failed;
      return fail_later({ErrorCode::kExhausted, "TLS: too many messages after the handshake"});
    }
    if (count > 0) {
      for (paying += static_cast<std::size_t>(count); paying >= kBytesALateMessage;
           paying -= kBytesALateMessage) {
        late_messages = std::max(0, late_messages - 1);
      }
      events.data(ByteView(plain).first(static_cast<std::size_t>(count)));
      continue;
    }
    switch (SSL_get_error(ssl.get(), count)) {
      case SSL_ERROR_WANT_READ:
        if (inner_ended) {
          end(Error{ErrorCode::kUnavailable, "TLS: the peer ended without close_notify"}, false);
        }
        return;
      case SSL_ERROR_ZERO_RETURN:
        ended = true;  // take() discards from now on; BIO_CTRL_RESET discards the bytes in the BIO
        BIO_ctrl(SSL_get_rbio(ssl.get()), BIO_CTRL_RESET, 0, nullptr);
        events.end();
        maybe_done();
        return;
      default:
        fail_ssl();
        return;
    }
  }
}

void TlsStream::Impl::flush() {
  std::array<std::uint8_t, 2 * kRecord> sealed;  // NOLINT: written before it is read
  for (;;) {
    const int count = BIO_read(SSL_get_wbio(ssl.get()), sealed.data(), sealed.size());
    if (count <= 0 || !inner) return;
    inner->write(ByteView(sealed).first(static_cast<std::size_t>(count)));
  }
}

void TlsStream::Impl::write(ByteView bytes) {
  while (!bytes.empty() && inner) {
    std::size_t taken = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl.get(), bytes.data(), bytes.size(), &taken) != 1) {
      fail_later({ErrorCode::kInternal, "TLS: " + error_text(ssl.get())});
      return;
    }
    bytes = bytes.subspan(taken);
    flush();
  }
}

void TlsStream::Impl::send_close_notify() {
  if (finished) return;
  finished = true;
  SSL_shutdown(ssl.get());
  flush();
  if (inner) inner->finish();
}

// Reports `closed` once both sides have ended and the inner stream has sent every byte, the
// close_notify alert included. While bytes are unsent, the stream stays open: the inner stream
// closes after its last byte, and the owner limits how long that may take.
void TlsStream::Impl::maybe_done() {
  if (ended && finished && inner && inner->unsent() == 0) end({}, true);
}

void TlsStream::Impl::fail_ssl() {
  ++counters().failed;
  const bool unverified = SSL_get_verify_result(ssl.get()) != X509_V_OK;
  const Error why{unverified ? ErrorCode::kUnverified : ErrorCode::kInvalid,
                  "TLS: " + error_text(ssl.get())};
  flush();  // the alert
  end(why, true);
}

// Ends the stream with `closed`. `say_goodbye`: lingers, so that an alert or close_notify is sent.
void TlsStream::Impl::end(const Closing& why, bool say_goodbye) {
  if (!inner) return;
  const auto self = shared_from_this();
  timer.cancel();
  auto stream = std::move(inner);
  if (say_goodbye) linger(loop, std::move(stream));
  handshaken = nullptr;
  choose = nullptr;
  events.closed(why);
}

void TlsStream::Impl::fail_later(Error why) {
  if (std::exchange(failing, true)) return;
  loop.defer([self = shared_from_this(), why = std::move(why)] { self->end(why, false); });
}

void TlsStream::Impl::close() {
  timer.cancel();
  inner.reset();
  events.clear();
}

TlsStream::TlsStream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {
  const auto& context = impl_->server ? impl_->server->context_ : impl_->client->context_;
  impl_->ssl.reset(SSL_new(context.get()));
  SSL* ssl = impl_->ssl.get();
  SSL_set_app_data(ssl, impl_.get());
  SSL_set_msg_callback(ssl, &Impl::count_message);
  SSL_set_msg_callback_arg(ssl, impl_.get());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
  if (impl_->server) {
    SSL_set_accept_state(ssl);
    return;
  }
  SSL_set_connect_state(ssl);
  const auto& name = impl_->client->options_.server_name;
  if (name.empty() || parse_address(name)) return;
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(name.c_str()));  // OpenSSL copies the name
}

std::unique_ptr<TlsStream> TlsStream::server(Loop& loop, std::shared_ptr<TlsServerContext> context,
                                             std::unique_ptr<ByteStream> inner,
                                             ChooseIdentity choose) {
  auto impl = std::make_shared<Impl>(loop, std::move(inner));
  impl->choose = choose ? std::move(choose) : context->choose_;
  impl->server = std::move(context);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
}

std::unique_ptr<TlsStream> TlsStream::client(Loop& loop, std::shared_ptr<TlsClientContext> context,
                                             std::unique_ptr<ByteStream> inner) {
  auto impl = std::make_shared<Impl>(loop, std::move(inner));
  impl->client = std::move(context);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
}

TlsStream::~TlsStream() { impl_->close(); }

void TlsStream::on_handshake(std::function<void(const TlsInfo&)> done) {
  impl_->handshaken = std::move(done);
}

void TlsStream::start(StreamEvents events) {
  impl_->events.set(std::move(events));
  impl_->start_inner();
}

void TlsStream::write(ByteView bytes) {
  auto& self = *impl_;
  if (!self.inner || self.failing || self.finish_wanted) return;
  if (self.established) {
    self.write(bytes);
    return;
  }
  append(self.early, bytes);
  if (self.early.size() > kMaxUnsent) {
    self.fail_later({ErrorCode::kExhausted, "TLS: too much written before the handshake"});
  }
}

std::size_t TlsStream::unsent() const {
  return impl_->inner ? impl_->inner->unsent() + impl_->early.size() : 0;
}

bool TlsStream::limited() const { return impl_->inner && impl_->inner->limited(); }

std::size_t TlsStream::unread() const { return BIO_ctrl_pending(SSL_get_rbio(impl_->ssl.get())); }

void TlsStream::lift_limits() {
  if (impl_->inner) impl_->inner->lift_limits();
}

std::size_t TlsStream::hold_little() {
  return impl_->inner ? impl_->inner->hold_little() : kLittle;
}

void TlsStream::finish() {
  if (!impl_->inner || std::exchange(impl_->finish_wanted, true)) return;
  if (!impl_->established) return;
  impl_->send_close_notify();
  impl_->loop.defer([weak = std::weak_ptr<Impl>(impl_)] {
    if (const auto self = weak.lock()) self->maybe_done();
  });
}

void TlsStream::close() { impl_->close(); }

void TlsStream::pause() {
  impl_->paused = true;
  if (impl_->established && impl_->inner) impl_->inner->pause();
}

void TlsStream::resume() {
  impl_->paused = false;
  if (!impl_->established || !impl_->inner) return;
  impl_->inner->resume();
  impl_->loop.defer([weak = std::weak_ptr<Impl>(impl_)] {  // delivers bytes read before the pause
    if (const auto self = weak.lock()) self->pump();
  });
}

}  // namespace culvert::runtime
