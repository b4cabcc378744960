#include "agent/shell/daemon.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "agent/access/enrol.hpp"
#include "agent/api/commands.hpp"
#include "agent/dns/resolv_conf.hpp"
#include "agent/proxy/owners.hpp"
#include "agent/shell/config.hpp"
#include "agent/shell/core_options.hpp"
#include "agent/shell/counters.hpp"
#include "agent/shell/laptop.hpp"
#include "agent/shell/site_services.hpp"
#include "agent/stack/kernel_stack.hpp"
#include "agent/tun/tun_host.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/crypto/x509.hpp"
#include "proto/runtime/disk/audit_file.hpp"
#include "proto/runtime/disk/boot.hpp"
#include "proto/runtime/disk/directory_store.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/disk/notes_folder.hpp"
#include "proto/runtime/loop/line_writer.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/signal.hpp"
#include "proto/runtime/loop/startup.hpp"
#include "proto/runtime/loop/timer.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kStopTime = 3s;    // the longest time from a stop to the end of the process
constexpr Duration kStopPoll = 10ms;  // between two looks whether all bytes have left

int give_up(const Error& error) {
  std::fprintf(stderr, "culvert: %s\n", error.message.c_str());
  return cli::exit_code(error);
}

// The parts of one run, in the order in which they are made. They are destroyed in the reverse
// order.
class Daemon {
 public:
  Daemon(const DaemonOptions& options, ForkedNetwork network)
      : given_(options), folder_(options.state_directory), network_(std::move(network)) {}

  ~Daemon() {  // first the parts that call other parts
    api_.reset();
    commands_.reset();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  Status start();
  int run();

 private:
  Status open_state();
  Status start_core();
  Status serve();
  Status serve_site(FlowEvents& flows);
  Status serve_laptop(FlowEvents& flows);
  Status open_tun();
  Status open_metrics();
  std::string metrics() const;
  StackOptions stack_options();
  void begin_stop();
  void stop_when_flushed();
  api::CommandHooks hooks();
  void print_ready();
  std::string undo_folder() const { return folder_ + "/undo"; }

  const DaemonOptions& given_;
  std::string folder_;
  ForkedNetwork network_;
  Config config_;
  crypto::SystemRng rng_;
  runtime::Loop loop_;
  std::unique_ptr<api::Commands> commands_;
  std::unique_ptr<api::LocalApi> api_;
  std::optional<runtime::DirectoryStore> site_store_;
  std::optional<runtime::DirectoryStore> node_store_;
  std::unique_ptr<runtime::AuditFile> audit_;
  std::unique_ptr<ServerIssuerFile> issuer_;
  Role role_ = Role::kDevice;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Shell> shell_;
  std::unique_ptr<SiteServices> site_;
  std::uint32_t owner_ = 0;  // laptops: the only user, beside root, that is served
  std::unique_ptr<proxy::Owners> owners_;
  std::optional<proxy::DoorContext> doors_;
  std::unique_ptr<tun::TunHost> tun_;
  std::unique_ptr<KernelDialer> kernel_dialer_;
  proxy::Dialer dialer_;
  std::unique_ptr<proxy::Proxy> proxy_;
  std::unique_ptr<MetricsDoor> metrics_;
  std::unique_ptr<runtime::NotesFolder> documents_;
  int exit_code_ = 0;
  runtime::LineWriter ready_{STDOUT_FILENO};  // a stuck reader does not block the agent
  std::optional<Instant> stop_by_;            // set: the agent stops, at this time at the latest
  runtime::Timer stop_timer_{loop_, [this] { stop_when_flushed(); }};
};

// True: the program that started this one ignores the signal, as nohup and background jobs of a
// shell do.
bool is_ignored(int signum) {
  struct sigaction inherited {};
  return ::sigaction(signum, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN;
}

Status Daemon::open_state() {
  if (auto ok = runtime::make_private_folder(folder_); !ok) return ok;
  // Opens the local API first, since its lock says that no other agent runs on this state.
  auto api = api::LocalApi::open(
      loop_, folder_,
      [this](const std::string& command, const nlohmann::json& arguments, api::Answer answer) {
        if (commands_) return commands_->handle(command, arguments, std::move(answer));
        answer(api::Reply::failed({ErrorCode::kUnavailable, "the agent is still starting"}));
      });
  if (!api) return fail_with(api.error());
  api_ = std::move(*api);
  if (tun::Undo(undo_folder()).everything()) {
    runtime::log::info("undid the changes that an earlier run had left on this machine");
  }
  auto site_store = runtime::DirectoryStore::open(folder_ + "/site");
  if (!site_store) return fail_with(site_store.error());
  site_store_.emplace(std::move(*site_store));
  auto node_store = runtime::DirectoryStore::open(folder_ + "/node");
  if (!node_store) return fail_with(node_store.error());
  node_store_.emplace(std::move(*node_store));
  auto audit = runtime::AuditFile::open(folder_ + "/audit.log");
  if (!audit) return fail_with(audit.error());
  audit_ = std::move(*audit);
  return {};
}

Status Daemon::start_core() {
  auto token = read_token(given_);
  if (!token) return fail_with(token.error());
  Memory memory(*site_store_, *node_store_);
  auto who = who_is(*token, memory);
  if (!who) return fail_with(who.error());
  role_ = who->role;
  auto chosen = core_options(given_, config_, *std::move(token), role_);
  if (!chosen) return fail_with(chosen.error());
  auto& options = *chosen;
  if (config_.tun && role_ == Role::kSite) {
    return fail(ErrorCode::kInvalid,
                "TUN mode is for laptops, this is a site's agent: no --tun here");
  }
  if (role_ == Role::kDevice) {
    const auto owner = owner_of(given_.owner);
    if (!owner) return fail_with(owner.error());
    owner_ = *owner;
  }
  if (role_ == Role::kSite) {
    auto issuer = ServerIssuerFile::open(folder_ + "/issuer.pem", who->site, loop_.now().wall);
    if (!issuer) return fail_with(issuer.error());
    issuer_ = std::move(*issuer);
    options.server_issuer = issuer_->certificate();
  }
  auto shell = Shell::open(loop_, rng_,
                           {config_.udp_port, config_.allow_loopback, config_.allow_private_relays,
                            config_.offloads, config_.proxies},
                           stack_options());
  if (!shell) return fail_with(shell.error());
  auto core = Core::start(std::move(options),
                          {*site_store_, *node_store_, *audit_, rng_, runtime::read_boot_id()},
                          loop_.now());
  if (!core) return fail_with(core.error());
  core_ = std::move(*core);
  shell_ = std::move(*shell);
  return {};
}

// In TUN mode the host's own stack carries everything, so lwIP is chosen and stays idle.
StackOptions Daemon::stack_options() {
  const auto choice = config_.tun ? StackChoice::kLwip : config_.stack;
  return {
      choice, config_.offloads, std::move(network_), [this] {
        runtime::log::error("the helper process of the kernel's stack has ended: the agent stops");
        exit_code_ = cli::kExitFailed;
        begin_stop();
      }};
}

api::CommandHooks Daemon::hooks() {
  api::CommandHooks hooks;
  hooks.stack = config_.tun ? "host" : shell_->stack().name();
  hooks.after = [this] { shell_->pump(); };
  hooks.down = [this] { begin_stop(); };
  hooks.counters = [this] { return metrics(); };
  hooks.audit = [path = folder_ + "/audit.log"](const audit::Query& query) {
    return runtime::AuditFile::read_file(path, query);
  };
  hooks.refusals = [this](std::uint64_t after) {
    return proxy_ ? proxy_->refusals(after) : proxy::Refusals{};
  };
  hooks.proxy = [this]() -> std::optional<Endpoint> {
    if (!proxy_) return std::nullopt;
    return proxy_->local_endpoint();
  };
  if (role_ == Role::kDevice) {
    hooks.dialer = dialer_;
    hooks.doors = doors_;
  }
  return hooks;
}

std::string Daemon::metrics() const {
  const auto core = core_->counters(loop_.now());
  const auto status = core_->status(loop_.now());
  const auto proxy = proxy_ ? proxy_->counters() : proxy::ProxyCounters{};
  CounterSources sources{&core, &status, &shell_->udp_counters()};
  if (site_) sources.terminator = &site_->counters();
  if (proxy_) sources.proxy = &proxy;
  return agent_metrics(sources);
}

Status Daemon::open_metrics() {
  if (!config_.metrics) return {};
  auto door = MetricsDoor::open(loop_, rng_, *config_.metrics, [this] { return metrics(); });
  if (!door) return fail_with(door.error());
  metrics_ = std::move(*door);
  return {};
}

Status Daemon::open_tun() {
  tun::TunHostOptions options;
  options.name = config_.tun->name;
  options.offloads = config_.offloads;
  options.dns = config_.tun->dns;
  options.owner = owner_;
  options.address = core_->address();
  options.undo_folder = undo_folder();
  tun::TunHostEvents events;
  events.packets = [this](std::span<const RoomyPacket> packets) { shell_->from_device(packets); };
  events.may_know = [finder = std::make_shared<proxy::OwnerFinder>(),
                     rule = proxy::OwnerRule(owner_)](const Endpoint& client, bool tcp) {
    const Endpoint stub{*parse_address(dns::kStubAddress), dns::kDnsPort};
    const auto transport = tcp ? proxy::Transport::kTcp : proxy::Transport::kUdp;
    const proxy::SocketQuestion question{transport, client, stub};
    return rule.serves(finder->find({&question, 1}).front());
  };
  events.names = [this](bool granted) { return names_for(*shell_, granted); };
  events.gone = [this] {
    runtime::log::error("somebody has deleted the interface: the agent stops",
                        {{"interface", config_.tun->name}});
    begin_stop();
  };
  events.sites = [this] { return core_->sites(); };
  auto tun = tun::TunHost::open(loop_, rng_, std::move(options), std::move(events));
  if (!tun) return fail_with(tun.error());
  tun_ = std::move(*tun);
  shell_->use_device([this](std::span<const ByteView> packets) { tun_->write(packets); });
  return {};
}

Status Daemon::serve_site(FlowEvents& flows) {
  auto site =
      SiteServices::make(loop_, *shell_, *issuer_, config_.services, folder_ + "/access.log");
  if (!site) return fail_with(site.error());
  site_ = std::move(*site);
  flows = site_->events();
  return {};
}

Status Daemon::serve_laptop(FlowEvents& flows) {
  auto owners = proxy::Owners::start(loop_, owner_);
  if (!owners) return fail_with(owners.error());
  owners_ = std::move(*owners);
  doors_ = proxy::DoorContext::make(loop_, owners_->check());
  dialer_ = make_dialer(*shell_);
  if (config_.tun) {
    if (auto opened = open_tun(); !opened) return opened;
    kernel_dialer_ = std::make_unique<KernelDialer>(loop_, *shell_);
    dialer_ = kernel_dialer_->dialer();
  }
  if (config_.proxy) {
    auto proxy = proxy::Proxy::open(loop_, *config_.proxy, dialer_, *doors_);
    if (!proxy) return fail_with(proxy.error());
    proxy_ = std::move(*proxy);
  }
  flows.cut = [this](const CutFlows& cut) {  // in TUN mode the core has reset the flows
    shell_->stack().abort_if([&](const Endpoint&, const Endpoint& remote) {
      return cut.service && remote == *cut.service;
    });
  };
  return {};
}

Status Daemon::serve() {
  FlowEvents flows;
  auto ready = role_ == Role::kSite ? serve_site(flows) : serve_laptop(flows);
  if (!ready) return ready;
  shell_->run(*core_, std::move(flows));
  if (auto opened = open_metrics(); !opened) return opened;
  commands_ = std::make_unique<api::Commands>(loop_, *core_, hooks());
  if (!config_.documents.empty()) {
    documents_ = std::make_unique<runtime::NotesFolder>(
        loop_, config_.documents, [this](std::vector<runtime::NotesFile> files) {
          std::vector<DocumentFile> documents;
          for (auto& file : files) documents.push_back({file.name, std::move(file.text)});
          core_->learn_documents(loop_.now(), documents);
          shell_->pump();
        });
  }
  return {};
}

Status Daemon::start() {
  auto config = load_config(given_.config_file);
  if (!config) return fail_with(config.error());
  config_ = std::move(*config);
  if (auto chosen = runtime::choose_aead(config_.aead); !chosen) return chosen;
  if (given_.tun && !config_.tun) config_.tun.emplace();
  if (given_.documents) config_.documents = *given_.documents;
  if (given_.no_dns && config_.tun) config_.tun->dns = false;
  runtime::log::set_level(*runtime::log::parse_level(config_.log_level));
  if (const auto proxy = config_.proxies.describe(); !proxy.empty()) {
    runtime::log::info("the coordinator and relays are reached through a proxy",
                       {{"proxy", proxy}});
  }
  if (auto ok = runtime::make_lookup_threads(loop_); !ok) return ok;
  if (auto ok = open_state(); !ok) return ok;
  if (auto ok = start_core(); !ok) return ok;
  return serve();
}

void Daemon::print_ready() {
  const StatusView status = core_->status(loop_.now());
  const std::string what =
      role_ == Role::kSite ? "agent of " + status.site : "device of " + status.person;
  const std::string tun = tun_ ? " on " + tun_->name() : "";
  ready_.write("culvert is up: " + what + ", " + status.name + ", " + format(status.address) + tun +
               "\n");
}

// Begins to stop: cuts every flow while the loop can still send to the peers a reset for every
// connection and the news that this agent stops. A second call stops at once.
void Daemon::begin_stop() {
  if (stop_by_) return loop_.stop();
  stop_by_ = loop_.now().steady + kStopTime;
  runtime::log::info("stopping: cuts all connections and tells their peers");
  core_->stop(loop_.now());
  shell_->pump();
  if (site_) site_->cut_all("the agent stops");
  shell_->pump();
  stop_timer_.arm_in(kStopPoll);
}

void Daemon::stop_when_flushed() {
  if (shell_->flushed() || loop_.now().steady >= *stop_by_) return loop_.stop();
  stop_timer_.arm_in(kStopPoll);
}

int Daemon::run() {
  const runtime::SignalWatch terminate(loop_, SIGTERM, [this] { begin_stop(); });
  std::vector<std::unique_ptr<runtime::SignalWatch>> others;
  for (const int signum : {SIGINT, SIGHUP}) {
    if (is_ignored(signum)) continue;
    others.push_back(
        std::make_unique<runtime::SignalWatch>(loop_, signum, [this] { begin_stop(); }));
  }
  print_ready();
  if (!tun_) {
    runtime::log::info("the mesh's TCP stack",
                       {{"stack", shell_->stack().name()}, {"why", shell_->why_stack()}});
  }
  loop_.run();
  runtime::hold_stop_signals();  // what is undone from here on is undone whole
  runtime::log::info("stopped");
  return exit_code_;
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  runtime::harden_process();
  runtime::raise_descriptor_limit();
  // The helper process is forked now, before there is a thread or a secret. It does nothing until
  // the configuration is read.
  auto network = runtime::PrivateNetwork::fork(stack::kernel_stack_network());
  Daemon daemon(options, std::move(network));
  if (auto started = daemon.start(); !started) return give_up(started.error());
  return daemon.run();
}

}  // namespace culvert::agent
