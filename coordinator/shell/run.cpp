// `culvert-coordinator run`: configuration, state, listener, loop.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "coordinator/shell/commands.hpp"
#include "coordinator/shell/server.hpp"
#include "coordinator/shell/state.hpp"
#include "coordinator/shell/tools.hpp"
#include "proto/runtime/disk/boot.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/line_writer.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/signal.hpp"
#include "proto/runtime/loop/startup.hpp"

namespace culvert::coordinator {
namespace {

namespace log = runtime::log;

constexpr std::chrono::seconds kClockTolerance{300};

Result<std::shared_ptr<runtime::TlsServerContext>> tls_context(const Settings& settings,
                                                               const StateFolder& state, Now now) {
  if (settings.plain) return std::shared_ptr<runtime::TlsServerContext>();
  auto identity = [&]() -> Result<crypto::TlsIdentity> {
    if (settings.tls_certificate.empty()) return state.certificate(now.wall);
    const auto certificate = runtime::read_file(settings.tls_certificate);
    if (!certificate) return fail_with(certificate.error());
    const auto key = runtime::read_file(settings.tls_key);
    if (!key) return fail_with(key.error());
    return crypto::TlsIdentity::from_pem(text(*certificate), text(*key));
  }();
  if (!identity) return fail_with(identity.error());
  return runtime::TlsServerContext::make(*identity, {"http/1.1"});
}

// Refuses a wall clock that is behind the times in the store: with such a clock, ended grants would
// be in force again.
Status check_clock(Store& store, Now now) {
  const auto rows = store.notes();
  if (!rows) return fail_with(rows.error());
  WallTime newest;
  for (const auto& row : *rows) newest = std::max(newest, row.arrived);
  if (newest <= now.wall + kClockTolerance) return {};
  return fail(ErrorCode::kStale, "this machine's clock (" + format_time(now.wall) +
                                     ") is behind the store's newest statement (" +
                                     format_time(newest) + "): set the clock, then start again");
}

Status serve(const CommonOptions& common) {
  auto settings = read_settings(common.config);
  if (!settings) return fail_with(settings.error());
  const auto files = runtime::raise_descriptor_limit();
  settings->strangers = std::clamp<std::size_t>(files / 4, 1, settings->strangers);
  const StateFolder state(state_path(common, settings->state));
  auto keys = state.keys();
  if (!keys) return fail_with(keys.error());
  const auto lock = runtime::FileLock::take(state.file("lock"));
  if (!lock) {
    if (lock.error().code != ErrorCode::kConflict) return fail_with(lock.error());
    return fail(ErrorCode::kConflict, "another coordinator runs on " + state.path());
  }
  auto store = state.store();
  if (!store) return fail_with(store.error());
  if (auto reserve = (*store)->use_reserve(); !reserve) return reserve;
  runtime::Loop loop;
  if (auto ok = check_clock(**store, loop.now()); !ok) return ok;
  auto tls = tls_context(*settings, state, loop.now());
  if (!tls) return fail_with(tls.error());
  const auto summary = summarize(loop.now(), **store, keys->public_halves());
  if (!summary) return fail_with(summary.error());
  for (const auto& warning : summary->warnings) log::warn(warning);

  crypto::SystemRng rng;
  CoreOptions options{std::move(keys->control), std::move(keys->lease), std::move(keys->ticket),
                      settings->relays, runtime::read_boot_id()};
  auto server = Server::open(loop, *settings, *tls, std::move(options), **store, rng);
  if (!server) return fail_with(server.error());
  const runtime::SignalWatch interrupt(loop, SIGINT, [&] { loop.stop(); });
  const runtime::SignalWatch terminate(loop, SIGTERM, [&] { loop.stop(); });
  const runtime::SignalWatch hangup(loop, SIGHUP, [] {
    log::warn("SIGHUP changes nothing: restart the coordinator to read its configuration anew");
  });
  runtime::LineWriter ready(STDOUT_FILENO);  // a stuck reader does not block the coordinator
  ready.write("culvert-coordinator ready on " + format((*server)->listening()) +
              (settings->plain ? " (http)" : " (https)") + ", state " + state.path() + "\n");
  if (const auto metrics = (*server)->metrics()) {
    ready.write("metrics on http://" + format(*metrics) + "/metrics\n");
  }
  loop.run();
  runtime::hold_stop_signals();
  return {};
}

}  // namespace

int run_coordinator(const CommonOptions& common) {
  runtime::harden_process();
  return finish(serve(common));
}

}  // namespace culvert::coordinator
