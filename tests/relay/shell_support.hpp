// A whole relay on port 0 of one loop, and clients with real sockets, TLS, WebSockets and tickets.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "proto/derp/client.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/tls.hpp"
#include "relay/shell/relay.hpp"

namespace culvert::relay {

inline constexpr Duration kPatience = 20s;  // until a hanging test fails

enum class Entry { kUpgrade, kWebSocket };

class SocketClient {
 public:
  SocketClient(runtime::Loop& loop, Rng& rng, derp::ClientOptions options, const Endpoint& to,
               std::shared_ptr<runtime::TlsClientContext> tls, Entry way);
  ~SocketClient();

  void send(const crypto::RelayKey& to, ByteView packet);
  void renew(const std::string& ticket);
  bool ready() const { return client_ && client_->ready(); }
  std::vector<std::string> received();
  template <class Event>
  std::vector<Event> events() const {
    std::vector<Event> found;
    for (const auto& event : out_.events) {
      if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
    }
    return found;
  }
  runtime::ByteStream& stream() { return *stream_; }

  bool closed = false;
  Error failed;                // the error of a connection attempt or upgrade
  http::ResponseHead upgrade;  // the 101

 private:
  void upgraded(runtime::Upgraded result, Entry way);
  void flush();

  runtime::Loop& loop_;
  Rng& rng_;
  derp::ClientOptions options_;
  std::unique_ptr<runtime::StreamConnect> connect_;
  std::unique_ptr<runtime::HttpUpgrade> http_;
  std::unique_ptr<runtime::ByteStream> stream_;
  std::unique_ptr<derp::Client> client_;
  derp::ClientOutput out_;
};

class ShellBench {
 public:
  explicit ShellBench(bool plain = false);
  ~ShellBench();

  std::string ticket(const crypto::RelayKey& client, std::vector<crypto::RelayKey> peers);
  std::unique_ptr<SocketClient> connect(const derp::RelayKeyPair& key, const std::string& ticket,
                                        Entry way = Entry::kUpgrade);
  // The answer to a GET; nothing when the connection failed.
  std::optional<runtime::HttpAnswer> get(const Endpoint& at, bool tls, std::string target,
                                         http::HttpHeaders more = {});
  void until(const std::function<bool()>& done) { REQUIRE(loop.run_until(done, kPatience)); }

  crypto::SystemRng rng;
  runtime::Loop loop;
  crypto::SigningKey ticket_key = crypto::SigningKey::generate(rng);
  std::string folder;
  crypto::Hash certificate;
  std::unique_ptr<Relay> relay;

  std::shared_ptr<runtime::TlsClientContext> client_tls(const crypto::Hash& pin);

 private:
  bool plain_;
};

// A program that has run to its end (or was killed after 20 s): exit code, and standard output and
// error together.
struct Ran {
  int code = -1;
  std::string output;
};
Ran run_program(const std::string& command);

// A program in the background. The destructor ends the program.
class Background {
 public:
  explicit Background(std::vector<std::string> arguments);
  ~Background();
  std::string wait_for(std::string_view text);  // in its standard error; fails after kPatience
  int stop();                                   // SIGTERM, waits; the exit code

 private:
  int pid_ = -1;
  int error_ = -1;
  std::string seen_;
};

std::string make_folder();

}  // namespace culvert::relay
