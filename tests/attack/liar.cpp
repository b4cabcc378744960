// A lying coordinator. It has the real coordinator's keys and answers every client.
//
//   culvert_liar STATE ADDRESS:PORT RELAY-HOST:PORT…
//
// The program lies in three ways:
//  - It names the given relays, whatever their addresses are.
//  - It confirms every statement, and sends no statement to anybody.
//  - It signs every lease that a node asks for.
// Every revocation is therefore withheld.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "coordinator/shell/state.hpp"
#include "proto/control/channel.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "proto/runtime/stream/tls.hpp"
#include "proto/runtime/stream/websocket.hpp"
#include "proto/trust/statements/lease.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/ticket.hpp"

namespace culvert::attack {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "culvert_liar: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

class Liar {
 public:
  Liar(runtime::Loop& loop, const std::string& state, const Endpoint& at,
       std::vector<control::RelayInfo> relays)
      : loop_(loop),
        keys_(must(coordinator::StateFolder(state).keys())),
        relays_(std::move(relays)),
        tls_(must(runtime::TlsServerContext::make(
            must(coordinator::StateFolder(state).certificate(loop.now().wall)), {"http/1.1"}))),
        listener_(must(runtime::TcpListener::open(
            loop, at, [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
              accepted(std::move(stream));
            }))) {}

 private:
  struct Peer {
    std::unique_ptr<runtime::HttpAcceptor> http;
    std::unique_ptr<runtime::WebSocketStream> socket;
    std::optional<control::Channel> channel;
    std::optional<trust::Node> node;
  };

  void accepted(std::unique_ptr<runtime::ByteStream> stream) {
    const auto id = ++last_;
    peers_[id].http = std::make_unique<runtime::HttpAcceptor>(
        loop_, runtime::TlsStream::server(loop_, tls_, std::move(stream)),
        [this, id](Result<http::RequestHead> head) {
          const auto headers = head ? runtime::websocket_accept(*head)
                                    : Result<http::HttpHeaders>(fail(ErrorCode::kInvalid, ""));
          if (!headers) {
            peers_.erase(id);
            return;
          }
          upgraded(id, *headers);
        });
  }

  void upgraded(std::uint64_t id, const http::HttpHeaders& headers) {
    auto& peer = peers_.at(id);
    auto stream = peer.http->upgrade(headers);
    peer.http.reset();
    peer.channel.emplace(control::Channel::responder(keys_.control.clone(), rng_));
    peer.socket = std::make_unique<runtime::WebSocketStream>(
        loop_, rng_, runtime::WebSocketRole::kServer, std::move(stream));
    peer.socket->start({[this, id](ByteView record) { receive(id, record); },
                        {},
                        [this, id](const runtime::Closing&) { peers_.erase(id); }});
  }

  void receive(std::uint64_t id, ByteView record) {
    auto& peer = peers_.at(id);
    auto received = peer.channel->receive(record);
    if (!received) return peer.socket->close();
    if (received->answer) peer.socket->send(*received->answer);
    if (!received->message) return;
    const auto message = control::decode(*received->message);
    if (!message) return peer.socket->close();
    const auto records = must(peer.channel->seal(control::encode(answer(peer, *message))));
    for (const auto& sealed : records) peer.socket->send(sealed);
  }

  control::Message answer(Peer& peer, const control::Message& message) {
    using control::Message;
    return std::visit(
        overloaded{
            [&](const control::Hello& hello) -> Message { return greet(peer, hello); },
            [&](const control::LeaseRequest& lease) { return lease_for(peer, lease); },
            [&](const control::TicketRequest& ticket) { return ticket_for(peer, ticket); },
            [](const control::Put& put) -> Message {
              std::printf("took %zu statements\n", put.notes.size());
              std::fflush(stdout);
              return confirmation(put.id);
            },
            [](const control::Prove& prove) -> Message { return confirmation(prove.id); },
            [](const control::List& list) -> Message { return confirmation(list.id); },
            [](const control::Offer& offer) -> Message { return confirmation(offer.id); },
            [](const control::AuditUpload& upload) -> Message {
              auto reply = confirmation(upload.id);
              reply.next = upload.first + upload.entries.size();
              return reply;
            },
            [](const control::Ping&) -> Message { return control::Pong{}; },
            // No attacked program asks these questions. A pong answers no question.
            [](const control::SiteInfo&) -> Message { return control::Pong{}; },
            [](const control::AuditQuery&) -> Message { return control::Pong{}; },
            // No client sends the remaining messages: they are a coordinator's.
            [](const auto&) -> Message { return control::Pong{}; },
        },
        message);
  }

  static control::Reply confirmation(control::RequestId id) {
    control::Reply reply;
    reply.re = id;
    return reply;
  }

  control::Welcome greet(Peer& peer, const control::Hello& hello) {
    const auto note =
        hello.node ? note::parse(*hello.node) : Result<note::Note>(fail(ErrorCode::kInvalid, ""));
    if (const auto node = note ? trust::Node::parse(note->text)
                               : Result<trust::Node>(fail(ErrorCode::kInvalid, ""))) {
      peer.node = *node;
    }
    control::Welcome welcome;
    welcome.run = "liar";
    welcome.relays = relays_;
    return welcome;
  }

  control::Message ticket_for(const Peer& peer, const control::TicketRequest& request) {
    if (!peer.node) return control::ErrorReply{request.id, ErrorCode::kDenied, "no node"};
    trust::Ticket ticket;
    ticket.vendor_id = vendor_;
    ticket.node = peer.node->relay;
    ticket.expires = loop_.now().wall + std::chrono::minutes(10);
    const auto note = must(trust::sign_statement(ticket, trust::Signer{"ticket", keys_.ticket}));
    return control::Ticket{request.id, request.relay, note::render(note)};
  }

  control::Message lease_for(const Peer& peer, const control::LeaseRequest& request) {
    if (!peer.node) return control::ErrorReply{request.id, ErrorCode::kDenied, "no node"};
    trust::Lease lease;
    lease.vendor_id = vendor_;
    lease.site = {trust::Fqdn::parse(std::getenv("CULVERT_SITE")).value(),
                  trust::to_site_id(request.site)};
    lease.agent = peer.node->identity;
    lease.nonce.bytes = request.nonce;
    std::set<trust::GrantId> wanted;
    for (const auto& text : request.grants) {
      if (const auto grant = trust::GrantId::parse(text)) wanted.insert(*grant);
    }
    lease.grants.assign(wanted.begin(), wanted.end());
    const auto note = must(trust::sign_statement(lease, trust::Signer{"lease", keys_.lease}));
    return control::Lease{request.id, note::render(note)};
  }

  runtime::Loop& loop_;
  crypto::SystemRng rng_;
  coordinator::Keys keys_;
  std::vector<control::RelayInfo> relays_;
  trust::VendorId vendor_ =
      trust::to_vendor_id(trust::parse_hash(std::getenv("CULVERT_VENDOR_ID")).value());
  std::shared_ptr<runtime::TlsServerContext> tls_;
  std::unique_ptr<runtime::TcpListener> listener_;
  std::map<std::uint64_t, Peer> peers_;
  std::uint64_t last_ = 0;
};

int run(int argc, char** argv) {
  if (argc < 3 || std::getenv("CULVERT_VENDOR_ID") == nullptr ||
      std::getenv("CULVERT_SITE") == nullptr) {
    give_up("usage: CULVERT_VENDOR_ID=sha256:… CULVERT_SITE=FQDN culvert_liar STATE AT RELAY…");
  }
  const auto at = parse_endpoint(argv[2]);
  if (!at) give_up("where to listen must be ADDRESS:PORT");
  std::vector<control::RelayInfo> relays;
  for (int i = 3; i < argc; ++i) {
    const std::string to = argv[i];  // passed on unchanged: [::1]:80, localhost:80
    const auto colon = to.rfind(':');
    if (colon == std::string::npos) give_up("a relay must be HOST:PORT");
    control::RelayInfo relay;
    relay.id = "relay-" + std::to_string(i);
    relay.host = to.substr(0, colon);
    relay.port = static_cast<std::uint16_t>(std::strtoul(to.c_str() + colon + 1, nullptr, 10));
    relays.push_back(relay);
  }
  runtime::Loop loop;
  const Liar liar(loop, argv[1], *at, std::move(relays));
  std::printf("the liar is ready\n");
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace culvert::attack

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return culvert::attack::run(argc, argv);
}
