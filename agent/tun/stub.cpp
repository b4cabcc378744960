#include "agent/tun/stub.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::tun {
namespace {

constexpr int kIdAttempts = 8;

// Takes a message with its length in front (RFC 1035 §4.2.2) off `buffer`, once it is whole.
std::optional<Bytes> take_message(Bytes& buffer) {
  if (buffer.size() < 2) return std::nullopt;
  const std::size_t size = load_be<std::uint16_t>(buffer.data());
  if (buffer.size() < 2 + size) return std::nullopt;
  Bytes message = to_bytes(ByteView(buffer).subspan(2, size));
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(2 + size));
  return message;
}

Bytes with_length(ByteView message) {
  Bytes out;
  Writer(out).be(static_cast<std::uint16_t>(message.size())).bytes(message);
  return out;
}

}  // namespace

class Stub::Impl : public std::enable_shared_from_this<Stub::Impl> {
 public:
  Impl(runtime::Loop& loop, Rng& rng, StubOptions options)
      : loop_(loop), rng_(rng), options_(std::move(options)), timer_(loop, [this] { timeout(); }) {}

  Status open() {
    auto udp = runtime::UdpSocket::open(loop_, options_.at,
                                        [this](std::span<Datagram> batch) {
                                          for (const auto& datagram : batch) ask_by_udp(datagram);
                                        },
                                        {.offloads = runtime::Offloads::none()});
    if (!udp) return fail_with(udp.error());
    auto tcp = runtime::TcpListener::open(
        loop_, options_.at,
        [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
          accept(std::move(stream), peer);
        });
    if (!tcp) return fail_with(tcp.error());
    udp_ = std::move(*udp);
    tcp_ = std::move(*tcp);
    return {};
  }

  const StubCounters& counters() const { return counters_; }

 private:
  struct Question {  // a UDP question that waits for a server's answer
    Endpoint client;
    Bytes message;
    dns::Query query;
    std::size_t server = 0;
    Instant until;
  };
  // A client's TCP connection: one question at a time, its answer, then the next question.
  struct Client {
    Endpoint peer;
    std::unique_ptr<runtime::TcpStream> stream;
    std::unique_ptr<runtime::TcpConnect> connecting;
    std::unique_ptr<runtime::TcpStream> server;
    Bytes received, from_server;
    std::optional<Bytes> asked;  // the question that a server is answering now
    dns::Query query;
    std::size_t next_server = 0;
    Instant until;
  };
  using ClientId = std::uint64_t;

  dns::Outcome look(ByteView message, const Endpoint& client, bool tcp) {
    ++counters_.questions;
    auto outcome = dns::handle(message, options_.names(client, tcp));
    if (!outcome.forward && !dns::parse_query(message)) ++counters_.malformed;
    if (outcome.reply) ++counters_.answered;
    return outcome;
  }

  Bytes failure(const dns::Query& query) {
    ++counters_.failed;
    return dns::make_answer(query, dns::Rcode::kServerFailure);
  }

  void answer_by_udp(const Endpoint& client, MutableByteView message) {
    const Datagram out{UdpWay{client}, message};
    udp_->send({&out, 1});
  }

  // ---- by UDP

  void ask_by_udp(const Datagram& datagram) {
    const Endpoint& client = *endpoint_of(datagram.way);
    auto outcome = look(datagram.bytes, client, false);
    if (outcome.reply) return answer_by_udp(client, *outcome.reply);
    if (!outcome.forward) return;
    Question question{client, to_bytes(datagram.bytes), std::move(*outcome.forward), 0, {}};
    const auto id = free_id();
    if (!id || options_.servers.empty() || questions_.size() >= kMaxQuestions || !open_upstream()) {
      auto refusal = failure(question.query);
      return answer_by_udp(question.client, refusal);
    }
    ++counters_.forwarded;
    dns::set_id(question.message, *id);
    pass_on(questions_.emplace(*id, std::move(question)).first->second);
  }

  std::optional<std::uint16_t> free_id() {
    for (int attempt = 0; attempt < kIdAttempts; ++attempt) {
      const auto id = static_cast<std::uint16_t>(rng_.below(0x10000));
      if (!questions_.contains(id)) return id;
    }
    return std::nullopt;
  }

  bool open_upstream() {
    if (upstream_) return true;
    auto socket = runtime::UdpSocket::open(loop_, Endpoint{},
                                           [this](std::span<Datagram> batch) {
                                             for (const auto& datagram : batch) answered(datagram);
                                             close_when_idle();
                                           },
                                           {.offloads = runtime::Offloads::none()});
    if (socket) upstream_ = std::move(*socket);
    return upstream_ != nullptr;
  }

  void close_when_idle() {
    if (!questions_.empty()) return;
    loop_.defer([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->questions_.empty()) self->upstream_.reset();
    });
  }

  void pass_on(Question& question) {
    question.until = loop_.now().steady + kServerPatience;
    arm(question.until);
    const Datagram out{UdpWay{options_.servers[question.server]}, question.message};
    upstream_->send({&out, 1});
  }

  void answered(const Datagram& datagram) {
    if (datagram.bytes.size() < dns::kHeaderSize) return void(++counters_.foreign);
    const auto id = load_be<std::uint16_t>(datagram.bytes.data());
    const auto found = questions_.find(id);
    if (found == questions_.end() || found->second.server >= options_.servers.size() ||
        *endpoint_of(datagram.way) != options_.servers[found->second.server] ||
        !dns::is_response_to(datagram.bytes, found->second.query, id)) {
      return void(++counters_.foreign);
    }
    dns::set_id(datagram.bytes, found->second.query.id);
    answer_by_udp(found->second.client, datagram.bytes);
    questions_.erase(found);
  }

  // ---- time

  void arm(Instant when) {
    if (!timer_.armed() || when < due_) timer_.arm_at(due_ = when);
  }

  void timeout() {
    const Instant now = loop_.now().steady;
    Instant next = Instant::never();
    for (auto it = questions_.begin(); it != questions_.end();) {
      Question& question = it->second;
      if (question.until <= now && ++question.server >= options_.servers.size()) {
        auto refusal = failure(question.query);
        answer_by_udp(question.client, refusal);
        it = questions_.erase(it);
        continue;
      }
      if (question.until <= now) pass_on(question);
      next = std::min(next, question.until);
      ++it;
    }
    for (auto it = clients_.begin(); it != clients_.end();) {
      next = it->second.until <= now ? next : std::min(next, it->second.until);
      it = it->second.until <= now ? clients_.erase(it) : std::next(it);
    }
    timer_.arm_at(due_ = next);
    close_when_idle();
  }

  // ---- by TCP

  void accept(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
    if (clients_.size() >= kMaxTcpClients) return;
    const ClientId id = ++last_client_;
    Client& client = clients_[id];
    client.peer = peer;
    client.stream = std::move(stream);
    client.until = loop_.now().steady + kTcpClientPatience;
    arm(client.until);
    client.stream->start({[this, id](ByteView bytes) {
                            Client& from = clients_.at(id);
                            append(from.received, bytes);
                            if (from.received.size() > 2 + dns::kMaxMessage) return drop(id);
                            next_question(id);
                          },
                          [this, id] { end_if_done(id); },
                          {},
                          [this, id](const runtime::Closing&) { drop(id); }});
  }

  void drop(ClientId id) { clients_.erase(id); }

  void end_if_done(ClientId id) {
    Client& client = clients_.at(id);
    if (!client.asked) client.stream->finish();
  }

  // Answers the client's questions for names of the mesh, up to the first question for a server.
  void next_question(ClientId id) {
    Client& client = clients_.at(id);
    while (!client.asked) {
      auto message = take_message(client.received);
      if (!message) return;
      auto outcome = look(*message, client.peer, true);
      if (outcome.reply) {
        client.stream->write(with_length(*outcome.reply));
      } else if (outcome.forward) {
        ++counters_.forwarded;
        client.asked = std::move(*message);
        client.query = std::move(*outcome.forward);
        client.next_server = 0;
        return try_server(id);
      } else {
        return drop(id);
      }
    }
  }

  void reply(ClientId id, ByteView message) {
    Client& client = clients_.at(id);
    client.asked.reset();
    client.connecting.reset();
    client.server.reset();
    client.from_server.clear();
    client.stream->write(with_length(message));
    next_question(id);
  }

  void try_server(ClientId id) {
    Client& client = clients_.at(id);
    client.server.reset();
    if (client.next_server >= options_.servers.size()) return reply(id, failure(client.query));
    const Endpoint to = options_.servers[client.next_server++];
    client.from_server.clear();
    client.connecting = std::make_unique<runtime::TcpConnect>(
        loop_, to, runtime::ConnectOptions{kServerPatience, {}},
        [this, id](Result<std::unique_ptr<runtime::TcpStream>> stream) {
          if (!stream) return try_server(id);
          ask_server(id, std::move(*stream));
        });
  }

  void ask_server(ClientId id, std::unique_ptr<runtime::TcpStream> stream) {
    Client& client = clients_.at(id);
    client.server = std::move(stream);
    client.server->start({[this, id](ByteView bytes) { from_server(id, bytes); },
                          {},
                          {},
                          [this, id](const runtime::Closing&) { try_server(id); }});
    client.server->write(with_length(*client.asked));
  }

  void from_server(ClientId id, ByteView bytes) {
    Client& client = clients_.at(id);
    append(client.from_server, bytes);
    const auto message = take_message(client.from_server);
    if (!message) return;
    if (dns::is_response_to(*message, client.query, client.query.id)) return reply(id, *message);
    ++counters_.foreign;
    try_server(id);
  }

  runtime::Loop& loop_;
  Rng& rng_;
  StubOptions options_;
  StubCounters counters_;
  runtime::Timer timer_;
  Instant due_ = Instant::never();
  std::unique_ptr<runtime::UdpSocket> udp_, upstream_;
  std::unique_ptr<runtime::TcpListener> tcp_;
  std::map<std::uint16_t, Question> questions_;  // by the id in the message to the server
  std::map<ClientId, Client> clients_;
  ClientId last_client_ = 0;
};

Result<std::unique_ptr<Stub>> Stub::open(runtime::Loop& loop, Rng& rng, StubOptions options) {
  auto impl = std::make_shared<Impl>(loop, rng, std::move(options));
  if (auto opened = impl->open(); !opened) return fail_with(opened.error());
  return std::unique_ptr<Stub>(new Stub(std::move(impl)));
}

Stub::Stub(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stub::~Stub() = default;

const StubCounters& Stub::counters() const { return impl_->counters(); }

}  // namespace culvert::tun
