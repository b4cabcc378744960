// An agent as a host: the agent's core, the role of the agent's shell, and simple TCP-like traffic.
// A laptop keeps one flow to every existing service, granted or not. If the core refuses a service,
// the laptop sends packets to the service's address anyway. A site answers, and also sends without
// a question.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/core.hpp"
#include "proto/derp/frame.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/host.hpp"
#include "tests/sim/servers.hpp"
#include "tests/support/memory_sink.hpp"

namespace culvert::sim {

inline constexpr std::uint16_t kAgentPort = 41641;
inline constexpr std::uint16_t kFirstPort = 20000;  // of a laptop's flows
inline constexpr Duration kTalkEvery = 500ms;
inline constexpr Duration kFlowDead = 3s;
// The rate of the path to the relay: 1.6 Mbit/s.
inline constexpr std::size_t kRelayRoom = 4096;
inline constexpr Duration kRelayTime = 20ms;

struct KnownService {  // a service of some site
  std::string fqdn;
  Endpoint endpoint;
};

class AgentHost final : public Host {
 public:
  AgentHost(Context& context, agent::Options options, const Place& place, Endpoint coordinator,
            Endpoint relay);
  AgentHost(const AgentHost& original, const Place& place);  // with a copy of its state folder

  void start() override;
  void crash() override;
  bool running() const override { return core_ != nullptr; }
  Instant next_deadline() const override;
  void handle_timeout() override;

  // The site's policy names the relay with kRelayPin: use of another relay is a violation.
  void require_pinned_relay() { pinned_relay_ = true; }
  void set_services(std::vector<KnownService> services) { services_ = std::move(services); }
  void move_to(const Place& place);  // moves to another network, which breaks its streams
  void rest(Duration time);          // stops the agent's own traffic for a time
  void stop();                       // as SIGTERM does; crash() follows some time later
  // Opens connections that stay unused.
  void open_many(const KnownService& service, int connections);
  // Faults of the state folder. Only while the agent does not run.
  std::unique_ptr<Disk> backup() const { return disk_->copy(); }
  void restore(const Disk& backup, bool with_audit);
  void lose_site_store();
  void lose_everything(std::string token);  // then the agent enrols again
  void request(const KnownService& service, std::chrono::seconds duration);
  void lock(bool locked);
  void deny(const std::string& grant);
  void set_audit_failing(bool failing);
  bool reset_clock();  // only if the agent reports that its clock went back

  // Whether a flow to this service has had a small and a full answer since `since`.
  bool heard_since(const std::string& fqdn, Instant since) const;
  bool connected();                   // to the coordinator
  agent::StatusView status() const {  // only while running(); throws if the agent could not start
    if (!running()) give_up(name() + " does not run");
    return core_->status(now());
  }
  IpAddress mesh_address() const { return core_->address(); }  // running() only
  const audit::MemorySink& audit() const { return disk_->audit; }
  // A clone or an old copy writes a second log of the same name. The coordinator keeps the first.
  bool audit_parted() const { return audit_parted_; }
  void part_audit() { audit_parted_ = true; }
  bool serves(const std::string& fqdn) const;
  bool is_site() const { return options_.role == agent::Role::kSite; }

 private:
  struct Flow {  // a flow of a laptop
    Endpoint local;
    Endpoint service;
    Instant heard;
  };
  struct Relayed {
    StreamId stream = 0;
    derp::FrameReader reader;  // reads sent frames, for the oracle
    bool busy = false;         // the transport is full
  };

  void listen();
  void disk_changed();
  void pump();
  void act(const agent::Effect& effect);
  void open_control(const agent::OpenControl& open);
  void open_relay(const agent::OpenRelay& open);
  void cut_flows(const agent::CutFlows& cut);
  void flush_relay(agent::ConnectionId connection);
  void watch_relay(Relayed& relayed, ByteView bytes);
  void receive(ByteView packet);
  void receive_at_site(const Endpoint& from, const Endpoint& to, std::uint8_t flags, bool full);
  void receive_at_laptop(const Endpoint& from, const Endpoint& to, std::uint8_t flags, bool full);
  void told_too_big(std::size_t mtu);
  void talk();
  void talk_to(const KnownService& service);
  void begin_process();
  void check_process(const Endpoint& from) const;
  Endpoint next_local();
  // Sends a packet of the mesh: small or of the full size, with or without text.
  void send_mesh(const Endpoint& from, const Endpoint& to, std::uint8_t flags, bool with_text,
                 bool full = false);
  void check_opened(const Pair& pair);
  void check_audited(const agent::FlowContext& flow, const std::string& fqdn);

  agent::Options options_;
  Endpoint coordinator_;
  Endpoint relay_;
  std::unique_ptr<Disk> disk_ = std::make_unique<Disk>();
  bool audit_parted_ = false;
  bool pinned_relay_ = false;
  std::size_t entries_read_ = 0;  // of the audit log
  std::set<std::string> opened_;  // grants that have been in force
  std::vector<KnownService> services_;
  bool has_started_ = false;
  bool touched_ = true;  // whether connected_ is out of date
  bool connected_ = false;
  bool full_next_ = false;      // a laptop's questions are small and full in turn
  std::uint64_t refused_ = 0;   // refused appends at the last look
  std::uint32_t sequence_ = 0;  // of mesh packets, so that the oracle sees repeats

  // State of the present process.
  std::unique_ptr<agent::Core> core_;
  agent::Effects effects_;
  std::map<agent::ConnectionId, StreamId> controls_;
  std::map<agent::ConnectionId, Relayed> relays_;
  std::map<Endpoint, std::string> listening_;
  std::map<std::pair<Endpoint, Endpoint>, Instant> accepted_;  // laptop's end, service → last heard
  std::map<std::string, Flow> flows_;
  std::map<std::string, Instant> heard_;  // by FQDN; not forgotten at a restart
  std::map<std::string, Instant> heard_full_;
  std::uint16_t last_port_ = kFirstPort;
  Instant talk_at_ = Instant::never();
};

}  // namespace culvert::sim
