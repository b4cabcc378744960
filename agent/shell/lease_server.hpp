// The customer's own lease server (`culvert site lease serve`). It answers the site's agents
// without the vendor, from the customer's documents and from revocations that people have posted. A
// question comes from an agent's lease_link.cpp; the signed answer goes to the agent's lease
// tracker. HTTP/1.1, one request a connection.
//
//   POST /lease/v1        a lease question (proto/trust/statements/lease_question.hpp) → the bundle
//   POST /revocation/v1   one signed revocation → 204, once durable in the folder of documents
//   GET  /healthz         ok
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/shell/put_files.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/runtime/disk/notes_folder.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/http_call.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/lease_answer.hpp"
#include "proto/trust/register/revocation_log.hpp"

namespace culvert::agent {

inline constexpr std::size_t kMaxLeaseCalls = 256;  // when full, a random call is dropped
inline constexpr std::size_t kMaxLeaseBody = 64U << 10U;
inline constexpr Duration kTidyEvery = 600s;  // least time between two looks through a full folder

struct LeaseServerOptions {
  Endpoint listen;
  std::string documents;  // path of the folder of documents
  std::string name;       // name of the key's holder
  crypto::SigningKey key;
  trust::SiteId site;
  std::function<Now()> clock = {};  // empty: the machine's
  std::size_t put_share = kPutShare;
};

class LeaseServer {
 public:
  // `evidence`: the site's documents so far. Fails when the address or the folder cannot be used.
  static Result<std::unique_ptr<LeaseServer>> open(runtime::Loop& loop, Rng& rng,
                                                   LeaseServerOptions options,
                                                   trust::Evidence evidence);
  Endpoint local_endpoint() const { return listener_->local_endpoint(); }
  const trust::Evidence& evidence() const { return evidence_; }

 private:
  struct Answer {
    int status = 200;
    std::string body;
  };
  LeaseServer(runtime::Loop& loop, Rng& rng, LeaseServerOptions options, trust::Evidence evidence);
  Status read_puts();
  void learn(const std::vector<runtime::NotesFile>& files);
  void accepted(std::unique_ptr<runtime::TcpStream> stream);
  Answer answer(const runtime::HttpRequest& request);
  Result<std::string> lease(std::string_view question);
  Status put(std::string_view revocation);
  Status keep(const note::Note& note);
  std::string owner_of(const note::Note& revocation) const;
  void drop_what_is_over();

  runtime::Loop& loop_;
  Rng& rng_;
  LeaseServerOptions options_;
  trust::Evidence evidence_;
  trust::RevocationLog log_;
  PutFiles puts_;
  Instant tidy_at_{};                        // time of the next look through a full folder
  std::map<std::string, std::string> said_;  // faults of files that have been logged
  std::map<std::uint64_t, std::unique_ptr<runtime::HttpCall>> calls_;
  std::uint64_t last_call_ = 0;
  std::unique_ptr<runtime::TcpListener> listener_;
  std::unique_ptr<runtime::NotesFolder> folder_;
};

}  // namespace culvert::agent
