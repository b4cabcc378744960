// A client that overloads a coordinator.
//
//   culvert_overload PUB idle N                silent connections
//   culvert_overload PUB storm N               clients that log in and leave, again and again
//   culvert_overload PUB devices N             made-up devices that ask for admission
//   culvert_overload PUB questions N           a stranger's questions on one connection
//   culvert_overload PUB revoke N KEY SITE SITE-ID    made-up revocations by one approver's key
//
// PUB is the coordinator's file coordinator.pub. The environment variable CULVERT_VENDOR_ID has the
// vendor's id. The program prints one line when its connections and requests are made, and then
// runs until somebody ends it.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "agent/cli/people/keyfile.hpp"
#include "proto/control/client.hpp"
#include "proto/control/coordinator_pub.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/websocket.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/revocation.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::attack {
namespace {

constexpr std::size_t kAtOnce = 64;  // revocations in one put

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "culvert_overload: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

struct Target {
  http::Url url;
  crypto::ControlKey key;
  std::shared_ptr<runtime::TlsClientContext> tls;
};

// One connection. It has a client after the login.
class Party {
 public:
  Party(runtime::Loop& loop, Rng& rng, const Target& target)
      : loop_(loop), rng_(rng), target_(target), timer_(loop, [this] {
          if (client_) client_->handle_timeout(loop_.now().steady);
          drain();
        }) {}

  void connect(std::function<void()> opened = {}) {
    connect_ = std::make_unique<runtime::WebSocketConnect>(
        loop_, rng_, target_.url, target_.tls,
        [this, opened](Result<std::unique_ptr<runtime::WebSocketStream>> stream) {
          if (!stream) return closed(stream.error());
          socket_ = *std::move(stream);
          ++connections;
          socket_->start(
              {[this](ByteView record) {
                 if (client_) client_->handle_message(loop_.now().steady, record);
                 drain();
               },
               {},
               [this](const runtime::Closing& why) { closed(runtime::error_of(why, "closed")); }});
          if (client_) client_->handle_opened(loop_.now().steady);
          if (opened) opened();
          drain();
        });
  }
  void log_in(control::ClientOptions options, std::optional<std::string> node) {
    client_.emplace(std::move(options), rng_);
    if (node) client_->set_node(*std::move(node), std::nullopt);
    client_->start(loop_.now().steady);
    drain();
  }
  void leave() {
    if (client_) client_->stop();
    socket_.reset();
    connect_.reset();
    client_.reset();
  }
  Result<control::Reply> ask(Result<control::RequestId> id) {
    if (!id) return fail_with(id.error());
    drain();
    if (!loop_.run_until([&] { return answers_.contains(*id); }, 30s)) {
      return fail(ErrorCode::kTimeout, "no answer");
    }
    return answers_.at(*id);
  }
  control::Client& client() { return *client_; }

  std::size_t connections = 0;
  std::size_t logins = 0;
  std::size_t losses = 0;

 private:
  void closed(const Error& why) {
    ++losses;
    socket_.reset();
    connect_.reset();
    if (client_) client_->handle_closed(loop_.now().steady, why);
    drain();
  }
  void drain() {
    if (!client_) return;
    while (auto output = client_->poll_output()) {
      std::visit(overloaded{[this](const control::OpenConnection&) { connect(); },
                            [this](const control::CloseConnection&) { socket_.reset(); },
                            [this](const control::SendRecord& send) {
                              if (socket_) socket_->send(send.record);
                            }},
                 *output);
    }
    while (auto event = client_->poll_event()) {
      std::visit(overloaded{[this](const control::Connected&) { ++logins; },
                            [this](control::Answered& answered) {
                              answers_.insert_or_assign(answered.request,
                                                        std::move(answered.reply));
                            },
                            [](const control::Disconnected&) {},  // closed() counts the losses
                            // The attacks read no statements and ask for no lease and no ticket.
                            [](const control::Learned&) {}, [](const control::Dropped&) {},
                            [](const control::Synced&) {}, [](const control::Leased&) {},
                            [](const control::Ticketed&) {}},
                 *event);
    }
    timer_.arm_at(client_->next_deadline());
  }

  runtime::Loop& loop_;
  Rng& rng_;
  const Target& target_;
  std::optional<control::Client> client_;
  runtime::Timer timer_;
  std::unique_ptr<runtime::WebSocketConnect> connect_;
  std::unique_ptr<runtime::WebSocketStream> socket_;
  std::map<control::RequestId, Result<control::Reply>> answers_;
};

struct Attack {
  runtime::Loop loop;
  crypto::SystemRng rng;
  Target target;
  std::size_t number = 0;
  std::deque<Party> parties;

  control::ClientOptions stranger() {
    return {control::noise::KeyPair::generate(rng), target.key, {}};
  }
  // Prints `line` and runs until the program is killed by the caller.
  void stay(const std::string& line, const std::function<void()>& again = {}) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    for (;;) {
      loop.run_until([] { return false; }, 200ms);
      if (again) again();
    }
  }
};

void idle(Attack& attack) {
  for (std::size_t i = 0; i < attack.number; ++i) {
    attack.parties.emplace_back(attack.loop, attack.rng, attack.target).connect();
  }
  const auto settled = [&] {
    std::size_t done = 0;
    for (const auto& party : attack.parties) done += party.connections + party.losses > 0;
    return done == attack.parties.size();
  };
  attack.loop.run_until(settled, 60s);
  std::size_t open = 0;
  for (const auto& party : attack.parties) open += party.connections;
  attack.stay("idle: " + std::to_string(open) + " connections");
}

void storm(Attack& attack) {
  for (std::size_t i = 0; i < attack.number; ++i) {
    attack.parties.emplace_back(attack.loop, attack.rng, attack.target)
        .log_in(attack.stranger(), std::nullopt);
  }
  attack.stay("storm: begun", [&] {
    for (auto& party : attack.parties) {
      if (party.logins == 0) continue;
      party.logins = 0;
      party.leave();
      party.log_in(attack.stranger(), std::nullopt);
    }
  });
}

std::string made_up_device(Attack& attack, const control::noise::KeyPair& key,
                           const trust::VendorId& vendor, std::size_t number) {
  const auto identity = crypto::SigningKey::generate(attack.rng);
  const auto now = attack.loop.now().wall;
  trust::Node node;
  node.kind = trust::NodeKind::kDevice;
  node.vendor_id = vendor;
  node.name = trust::Label::parse("made-up-" + std::to_string(number)).value();
  node.identity = identity.public_key();
  node.wireguard = crypto::KeyPair<crypto::WireGuardKey>::generate(attack.rng).public_key;
  node.control = key.public_key;
  node.relay = crypto::KeyPair<crypto::RelayKey>::generate(attack.rng).public_key;
  node.disco = crypto::KeyPair<crypto::DiscoKey>::generate(attack.rng).public_key;
  node.person = trust::Person::parse("nobody@nowhere.example").value();
  node.issued = now;
  node.expires = now + std::chrono::hours(20);
  return note::render(must(trust::sign_statement(node, trust::Signer{node.name.str(), identity})));
}

void devices(Attack& attack, const trust::VendorId& vendor) {
  std::size_t welcome = 0;
  for (std::size_t i = 0; i < attack.number; ++i) {
    auto options = attack.stranger();
    auto note = made_up_device(attack, options.key, vendor, i);
    auto& party = attack.parties.emplace_back(attack.loop, attack.rng, attack.target);
    party.log_in(std::move(options), std::move(note));
    if (attack.loop.run_until([&] { return party.logins > 0; }, 10s)) ++welcome;
  }
  attack.stay("devices: " + std::to_string(welcome) + " welcome");
}

void questions(Attack& attack) {
  auto& party = attack.parties.emplace_back(attack.loop, attack.rng, attack.target);
  party.log_in(attack.stranger(), std::nullopt);
  attack.loop.run_until([&] { return party.logins > 0; }, 10s);
  std::size_t told_to_wait = 0;
  for (std::size_t i = 0; i < attack.number; ++i) {
    const auto reply = party.ask(party.client().site_info("api.a.example.com"));
    if (!reply && reply.error().code == ErrorCode::kExhausted) ++told_to_wait;
  }
  attack.stay("questions: " + std::to_string(told_to_wait) + " told to wait");
}

void revoke(Attack& attack, const trust::VendorId& vendor, char** arguments) {
  const auto key = must(cli::read_key(arguments[0]));
  const trust::SiteRef site{trust::Fqdn::parse(arguments[1]).value(),
                            trust::to_site_id(trust::parse_hash(arguments[2]).value())};
  auto options = attack.stranger();
  options.proofs.push_back(key.key.clone());
  auto& party = attack.parties.emplace_back(attack.loop, attack.rng, attack.target);
  party.log_in(std::move(options), std::nullopt);
  attack.loop.run_until([&] { return party.logins > 0; }, 10s);
  std::size_t taken = 0;
  std::string refusal;
  while (taken < attack.number && refusal.empty()) {
    std::vector<std::string> notes;
    while (notes.size() < kAtOnce) {
      trust::Revocation revocation;
      revocation.vendor_id = vendor;
      revocation.site = site;
      revocation.what = trust::Revokes::kDevice;
      revocation.key = crypto::VerifyKey{attack.rng.array<32>()};
      revocation.reason = "made up";
      revocation.issued = attack.loop.now().wall;
      const auto note =
          must(trust::sign_statement(revocation, trust::Signer{key.person.str(), key.key}));
      notes.push_back(note::render(note));
    }
    const auto reply = party.ask(party.client().put(std::move(notes)));
    if (reply) taken += kAtOnce;
    if (!reply) refusal = reply.error().message;
  }
  attack.stay("revoke: " + std::to_string(taken) + " taken; " + refusal);
}

int run(int argc, char** argv) {
  if (argc < 4) give_up("usage: culvert_overload PUB MODE N [KEY SITE SITE-ID]");
  Attack attack;
  const auto file = must(runtime::read_file(argv[1]));
  const auto pub = must(control::CoordinatorPub::parse(text(file)));
  attack.target.url = must(http::parse_url(pub.urls.front() + std::string(control::kPath)));
  attack.target.key = pub.control;
  runtime::TlsClientOptions unverified;
  unverified.verify = runtime::TlsVerify::kNone;  // the Noise channel inside authenticates
  attack.target.tls = must(runtime::TlsClientContext::make(unverified));
  attack.number = std::strtoul(argv[3], nullptr, 10);
  const char* id = std::getenv("CULVERT_VENDOR_ID");
  const auto vendor = trust::parse_hash(id == nullptr ? "" : id);
  const std::string mode = argv[2];
  if (mode == "idle") idle(attack);
  if (mode == "storm") storm(attack);
  if (mode == "questions") questions(attack);
  if (!vendor) give_up("CULVERT_VENDOR_ID must be sha256:…");
  if (mode == "devices") devices(attack, trust::to_vendor_id(*vendor));
  if (mode == "revoke" && argc == 7) revoke(attack, trust::to_vendor_id(*vendor), argv + 4);
  return 0;
}

}  // namespace
}  // namespace culvert::attack

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return culvert::attack::run(argc, argv);
}
