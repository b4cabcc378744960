// A vendor, sites, agents, laptops and approvers around one coordinator core, in simulated time,
// all made from one seed. Every party is a real control::Client. Each connection is a queue, which
// pump() empties.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/core.hpp"
#include "coordinator/core/operator.hpp"
#include "proto/control/client.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/sign.hpp"
#include "tests/support/ceremony.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::coordinator::test {

using ceremony::fqdn;
using ceremony::Holder;
using ceremony::label;
using ceremony::NodeKeys;
using ceremony::person;

struct TestSite {
  TestSite(const std::string& name, Rng& rng);

  trust::SiteRef ref;
  Holder root;
  Holder approver;
  Holder enroller;
  WallTime made;
  std::string root_note, site_note, policy_note;
  crypto::Hash policy;
  std::string bundle() const;
};

// One client, and the notes and events that the client has got.
struct Party {
  std::string name;
  std::unique_ptr<NodeKeys> keys;  // absent: a person
  trust::Node node;
  std::vector<std::string> enrolment;  // of an agent: policy, enrolment, enrolled
  std::unique_ptr<control::Client> client;
  std::optional<ConnectionId> connection;
  bool reachable = true;                      // false: the party cannot connect
  std::optional<std::uint64_t> records_left;  // records until the connection breaks
  std::map<control::NoteId, std::string> view;
  std::vector<control::Event> events;

  bool hears(const std::string& note) const;  // has the statement, with any signature lines
  template <class T>
  const T* last() const {
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (const auto* found = std::get_if<T>(&*event)) return found;
    }
    return nullptr;
  }
};

class World {
 public:
  explicit World(std::uint64_t seed = 1);

  TestSite& add_site(const std::string& name);  // also to the store, as the operator does
  std::vector<std::string> enrol(const TestSite& site, const std::string& name,
                                 const crypto::SigningKey& identity);
  Party& agent(TestSite& site, const std::string& name);
  Party& device(const std::string& name, const std::string& who, bool admit = true);
  Party& person_with(const Holder& holder);

  std::string request(Party& device, const TestSite& site, const std::string& service = "api");
  void approve(const std::string& grant_note, const Holder& approver, Party& by);
  // Puts `note` and runs the world until the answer arrives.
  Result<control::Reply> put(Party& from, std::string note);
  Result<control::Reply> answer(Party& from, Result<control::RequestId> request);
  Result<trust::Lease> lease(Party& agent, const std::vector<std::string>& grants);
  Result<trust::Ticket> ticket(Party& node);
  std::string publish(Party& agent, const TestSite& site);  // the agent's service statement

  void pump();               // runs until no party sends anything more
  void pass(Duration time);  // timers of the core and of every party fire in order
  void restart();            // a new core on the same store
  void reload();             // as after a write by another process
  void cut(Party& party);    // breaks the party's connection
  std::vector<std::string> audit_lines();
  std::string sign_more(const std::string& note, const Holder& holder);

  SeededRng rng;
  Now now{Instant{1'000'000'000}, WallTime{1'795'273'200}};
  Holder vendor_root, vendor_approver, admission, directory;
  CoreOptions options() const;
  crypto::KeyPair<crypto::ControlKey> control_key;
  crypto::SigningKey lease_key, ticket_key;
  crypto::KeyPair<crypto::RelayKey> relay_key;
  std::string vendor_note;
  std::string vendor_bundle;  // root and list of coordinators
  trust::VendorId vendor_id;
  MemoryStore store;
  std::unique_ptr<Core> core;
  std::deque<TestSite> sites;
  std::deque<Party> parties;

 private:
  bool pump_party(Party& party);
  void carry_out(Party& party, const control::Output& output);
  bool pump_core();
  void make_vendor();
  Party& connect(Party party);

  std::uint64_t last_connection_ = 0;
};

}  // namespace culvert::coordinator::test
