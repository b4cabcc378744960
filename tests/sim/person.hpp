// A person with a key file, who works as `culvert approve`, `device admit` and `revoke` do: with a
// control client, with evidence that starts from the person's own pin, and without ever signing an
// unverified text.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "proto/control/client.hpp"
#include "proto/trust/evidence.hpp"
#include "tests/sim/ceremony.hpp"
#include "tests/sim/host.hpp"

namespace culvert::sim {

enum class Office { kAdmission, kVendorApprover, kSiteApprover };

class PersonHost final : public Host {
 public:
  PersonHost(Context& context, Office office, const KeyHolder& key, const Vendor& vendor,
             const SiteDocuments* site, const Place& place, Endpoint coordinator);

  void start() override;
  void crash() override;
  bool running() const override { return client_ != nullptr; }
  Instant next_deadline() const override;
  void handle_timeout() override;

  bool revoke(const std::string& grant);  // false: this person has not approved the grant

 private:
  void pump();
  void carry_out(const control::Output& output);
  void open();
  void take(const control::Event& event);
  void answered(const control::Answered& answer);
  Instant ask_at() const;
  void ask();
  void decide(const control::Reply& reply);
  void admit(const control::Listed& listed);
  void approve(const control::Listed& listed);
  void put(const note::Note& note, std::function<void()> confirmed);

  Office office_;
  const KeyHolder& key_;
  const Vendor& vendor_;
  trust::Evidence evidence_;
  Endpoint coordinator_;
  std::unique_ptr<control::Client> client_;
  std::optional<StreamId> stream_;
  std::map<control::RequestId, std::function<void()>> confirmed_;  // puts without an answer yet
  std::optional<control::RequestId> question_;
  std::set<std::string> known_;  // notes that evidence_ has seen
  std::set<crypto::Hash> signed_;
  std::map<std::string, trust::Grant> approved_;
  Instant asked_at_;
};

}  // namespace culvert::sim
