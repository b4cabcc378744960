#include "relay/shell/serve.hpp"

#include <algorithm>
#include <csignal>

#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/signal.hpp"
#include "proto/runtime/loop/startup.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::relay {
namespace {

namespace log = runtime::log;

constexpr std::size_t kOtherFiles = 64;  // listeners, log, keys

// Divides the descriptors that the system gives: strangers get at most a quarter, watchers and
// other files what they need, and logged-in connections the rest.
void fit_connections(Settings& settings) {
  const auto most = std::max<std::size_t>(runtime::raise_descriptor_limit(), 4 * kOtherFiles);
  settings.strangers = std::min(settings.strangers, most / 4);
  const auto spare = settings.strangers + runtime::kMaxWatchers + kOtherFiles;
  settings.max_connections = std::min(settings.max_connections, most - spare);
}

void say_ready(const Relay& relay, const Settings& settings, const std::string& certificate) {
  const auto stun = relay.stun_endpoint();
  log::info("relay ready", {{"listen", format(relay.listen_endpoint())},
                            {"stun", stun ? format(*stun) : "off"},
                            {"key", crypto::format_x25519(relay.core().public_key().view())},
                            {"certificate", certificate},
                            {"open", settings.open}});
  if (!relay.admits()) {
    log::warn("admitting nobody: set \"ticket_keys\" to the coordinator's ticket key");
  }
}

}  // namespace

Status serve(Settings settings, Identity identity, const std::string& config, Rng& rng) {
  runtime::Loop loop;
  fit_connections(settings);
  const auto certificate =
      identity.tls ? trust::format_hash(identity.tls->certificate_sha256().view()) : "none";
  auto opened = Relay::open(loop, rng, settings, std::move(identity));
  if (!opened) return fail_with(opened.error());
  auto& relay = **opened;
  say_ready(relay, settings, certificate);

  bool stopping = false;
  const auto stop = [&] {
    if (stopping) return loop.stop();
    stopping = true;
    log::info("stopping", {{"clients_told", relay.core().client_count()}});
    relay.drain([&] { loop.stop(); });
  };
  runtime::SignalWatch terminate(loop, SIGTERM, stop);
  runtime::SignalWatch interrupt(loop, SIGINT, stop);
  runtime::SignalWatch reload(loop, SIGHUP, [&] {
    const auto fresh = load_settings(config);
    if (!fresh) return log::error("ticket keys not read again", {{"error", fresh.error()}});
    relay.set_ticket_keys(fresh->ticket_keys);
    log::info("ticket keys read again", {{"keys", fresh->ticket_keys.size()}});
  });
  loop.run();
  runtime::hold_stop_signals();
  return {};
}

}  // namespace culvert::relay
