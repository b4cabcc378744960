#include "relay/shell/serve.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "proto/runtime/log.hpp"
#include "proto/runtime/signal.hpp"
#include "proto/trust/names.hpp"
#include "relay/shell/front.hpp"

namespace culvert::relay {
namespace {

namespace log = runtime::log;

// Beside connections: requests under way, listeners, files.
constexpr std::size_t kSpareDescriptors = kMaxPending + 64;

// Takes as many descriptors as the system gives and leaves some for the rest.
std::size_t fit_connections(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto most = static_cast<std::size_t>(limit.rlim_cur);
  return std::min(wanted, most > 2 * kSpareDescriptors ? most - kSpareDescriptors : most / 2);
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
  settings.max_connections = fit_connections(settings.max_connections);
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
  return {};
}

}  // namespace culvert::relay
