// The coordinator and the relay as hosts: the core of each, and the role of its shell.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "coordinator/core/core.hpp"
#include "relay/core/core.hpp"
#include "tests/sim/ceremony.hpp"
#include "tests/sim/host.hpp"
#include "tests/support/memory_store.hpp"

namespace culvert::sim {

inline constexpr std::uint16_t kCoordinatorPort = 7443;
inline constexpr std::uint16_t kRelayPort = 7444;
inline constexpr std::uint16_t kStunServerPort = 3478;

class RelayHost final : public Host {
 public:
  RelayHost(Context& context, const Vendor& vendor, const Place& place);

  void start() override;
  void crash() override;
  bool running() const override { return core_ != nullptr; }
  Instant next_deadline() const override;
  void handle_timeout() override;

  control::RelayInfo info() const;

 private:
  void pump();
  void serve_stun();

  const Vendor& vendor_;
  derp::RelayKeyPair key_;
  std::unique_ptr<relay::Core> core_;
};

class CoordinatorHost final : public Host {
 public:
  CoordinatorHost(Context& context, const Vendor& vendor, const std::vector<SiteDocuments>& sites,
                  std::vector<control::RelayInfo> relays, const Place& place);

  void start() override;
  void crash() override;
  bool running() const override { return core_ != nullptr; }
  Instant next_deadline() const override;
  void handle_timeout() override;

  coordinator::MemoryStore& store() { return store_; }
  // Copies the store. restore() brings the copy back, between a crash and a start.
  void back_up() { backup_.restore(store_); }
  void restore() { store_.restore(backup_); }
  std::uint64_t malformed() const { return malformed_; }

 private:
  void pump();

  const Vendor& vendor_;
  std::vector<control::RelayInfo> relays_;
  coordinator::MemoryStore store_, backup_;
  std::unique_ptr<coordinator::Core> core_;
  std::uint64_t malformed_ = 0;  // the counts of earlier cores
};

}  // namespace culvert::sim
