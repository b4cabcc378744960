// A session of a person with the coordinator: opens the control channel, proves the person's key,
// sends requests, and verifies the notes in the answers. Blocking, for commands only.
#pragma once

#include <memory>

#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/keyfile.hpp"
#include "agent/shell/links.hpp"
#include "proto/control/client.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/timer.hpp"

namespace culvert::cli {

constexpr Duration kSessionTimeout = 20s;

class Session {
 public:
  // Reads the key and the bundles beside it; the coordinator's key comes from the vendor root.
  static Result<std::unique_ptr<Session>> open(const ByKey& by);

  const KeyFile& key() const { return key_; }
  trust::Evidence& evidence() { return evidence_; }
  Now now() const { return loop_.now(); }

  Result<control::Reply> put(const note::Note& note);
  // The list that the coordinator gives. Offers every note of the answer to evidence(); only the
  // caller's look into evidence() tells what is true.
  Result<std::vector<control::Listed>> list(control::ListWhat what);
  // At most `limit` lines, newest first, older than `before` (0: from the newest).
  struct AuditLines {
    std::vector<std::string> lines;
    std::uint64_t next = 0;  // the `before` of what follows; 0: no further lines
  };
  Result<AuditLines> audit(const std::string& site, std::uint64_t before, std::size_t limit);

 private:
  Session(const ByKey& by, KeyFile key, trust::Evidence evidence, std::string url,
          const crypto::ControlKey& coordinator, runtime::ProxyRules proxies);
  Result<control::Reply> answer_to(Result<control::RequestId> request);
  Status check_key() const;
  Error key_refused(const Error& why) const;
  void pump();
  void take(control::Answered& answered);

  KeyFile key_;
  trust::Evidence evidence_;
  std::string url_;
  crypto::SystemRng rng_;
  runtime::Loop loop_;
  runtime::Timer timer_;
  control::Client client_;
  agent::ConnectionId connection_ = 0;
  agent::ControlLink link_;
  control::RequestId awaited_ = 0;
  std::optional<Result<control::Reply>> answer_;
  std::optional<Error> lost_;     // why the last connection ended
  std::optional<Error> refused_;  // why the coordinator refuses the key
  std::string key_file_;
};

}  // namespace culvert::cli
