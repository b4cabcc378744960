#include "agent/tun/tun_host.hpp"

#include <net/if.h>

#include "agent/dns/resolv_conf.hpp"
#include "proto/core/prefix.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/packet/interface.hpp"

namespace culvert::tun {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr std::uint32_t kFirstTable = 0x63750000;  // "cu"; the interface's index is added

Error with_advice(Error error) {
  if (error.code == ErrorCode::kDenied) {
    error.message +=
        " (TUN mode needs root or CAP_NET_ADMIN, and /dev/net/tun: modprobe tun, in a container "
        "--device /dev/net/tun; without --tun the proxies need neither)";
  } else if (error.code == ErrorCode::kConflict) {
    error.message += R"( (another agent's? else choose another: "tun": {"name": …} in --config))";
  }
  return error;
}

}  // namespace

TunHost::TunHost(runtime::Loop& loop, TunHostOptions options, TunHostEvents events)
    : loop_(loop),
      options_(std::move(options)),
      events_(std::move(events)),
      undo_(options_.undo_folder),
      watch_(loop, [this] { watch(); }) {}

TunHost::~TunHost() {
  telling_.reset();
  undo_.restore_resolver();  // before the stub ends, so that no program asks a dead stub
  stub_.reset();
  tun_.reset();
  undo_.everything();  // rules last: until then mesh packets are unreachable, not misrouted
}

Result<std::unique_ptr<TunHost>> TunHost::open(runtime::Loop& loop, Rng& rng,
                                               TunHostOptions options, TunHostEvents events) {
  std::unique_ptr<TunHost> host(new TunHost(loop, std::move(options), std::move(events)));
  if (auto ready = host->set_up(rng); !ready) return fail_with(ready.error());
  return host;
}

Status TunHost::set_up(Rng& rng) {
  if (auto device = set_up_device(); !device) return fail_with(with_advice(device.error()));
  if (!options_.dns) return {};
  return set_up_names(rng);
}

Status TunHost::set_up_device() {
  runtime::TunOptions device;
  device.name = options_.name;
  device.offloads = options_.offloads;
  device.gone = events_.gone;
  auto tun = runtime::Tun::open(
      loop_, [this](std::span<const RoomyPacket> packets) { events_.packets(packets); }, device);
  if (!tun) return fail_with(tun.error());
  tun_ = std::move(*tun);
  options_.name = tun_->name();
  const std::uint32_t table = kFirstTable + if_nametoindex(options_.name.c_str());
  const Prefix own = Prefix::host(options_.address);
  const auto mesh = *Prefix::of(options_.address, 48);
  if (auto done = runtime::bring_link_up(options_.name); !done) return done;
  if (auto done = runtime::add_address(options_.name, own); !done) return done;
  auto routed = runtime::add_route({options_.name, mesh, table, options_.address});
  if (!routed) return routed;
  return undo_.add_rules({table, options_.owner});
}

Status TunHost::set_up_names(Rng& rng) {
  const auto file = runtime::read_file(kResolvConf);
  if (!file) {
    return fail(file.error().code,
                std::string("cannot read ") + kResolvConf + " (or start with --no-dns)");
  }
  const auto conf = dns::ResolvConf::read(text(*file));
  if (conf.names_stub) {
    return fail(
        ErrorCode::kConflict,
        std::string(kResolvConf) +
            " names culvert's resolver already: stop the other agent, or start the one that "
            "crashed once more with its --state (or start with --no-dns)");
  }
  // systemd-resolved asks for all users' programs, so everybody learns the names. The policy rules
  // let only the owner's programs use the addresses.
  resolved_ = conf.names_resolved;
  auto stub = Stub::open(loop_, rng,
                         {{*parse_address(dns::kStubAddress), dns::kDnsPort},
                          resolved_ ? std::vector<Endpoint>() : conf.servers,
                          [this](const Endpoint& client, bool tcp) {
                            return events_.names(resolved_ || events_.may_know(client, tcp));
                          }});
  if (!stub) {
    return fail(stub.error().code,
                stub.error().message + " (stop what listens there, or start with --no-dns)");
  }
  stub_ = std::move(*stub);
  if (!resolved_) {
    auto done = undo_.rewrite_resolver(std::string(text(*file)), conf.with_stub);
    if (!done) return done;
    rewritten_ = true;
  }
  watch();
  return {};
}

void TunHost::watch() {
  if (resolved_) tell_resolved();
  if (rewritten_ && !undo_.resolver_is_ours()) {
    rewritten_ = false;
    runtime::log::warn(
        "somebody else has changed resolv.conf: names resolve again after a "
        "restart of culvert",
        {{"file", kResolvConf}});
  }
  watch_.arm_in(kWatchPeriod);
}

// Configures systemd-resolved. The setting belongs to the link, so it disappears with the device
// and needs no undo. Each round runs one command: first the server, then the sites as routing
// domains.
void TunHost::tell_resolved() {
  if (telling_) return;
  std::vector<std::string> words;
  const auto sites = events_.sites();
  if (told_.empty()) {
    words = {"resolvectl", "dns", options_.name, std::string(dns::kStubAddress)};
    told_ = {""};
  } else if (told_ != sites && !sites.empty()) {
    words = {"resolvectl", "domain", options_.name};
    for (const auto& site : sites) words.push_back("~" + site);
    told_ = sites;
  } else {
    return;
  }
  telling_ = std::make_unique<runtime::Process>(loop_, words, [this](Result<int> how) {
    if (!how || *how != 0) {
      runtime::log::error(
          "systemd-resolved did not take the names of services",
          {{"command", "resolvectl"},
           {"why", how ? "exit code " + std::to_string(*how) : how.error().message}});
    }
    telling_.reset();
    tell_resolved();
  });
}

}  // namespace culvert::tun
