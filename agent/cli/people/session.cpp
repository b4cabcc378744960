#include "agent/cli/people/session.hpp"

#include <filesystem>
#include <iterator>
#include <set>

#include "proto/core/overloaded.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::cli {
namespace {

control::ClientOptions client_options(const KeyFile& key, const crypto::ControlKey& coordinator,
                                      Rng& rng) {
  control::ClientOptions options{
      crypto::KeyPair<crypto::ControlKey>::generate(rng), coordinator, {}};
  options.proofs.push_back(key.key.clone());
  return options;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const ByKey& by) {
  auto key = read_key(by.key_file);
  if (!key) return fail_with(key.error());
  const auto folder = std::filesystem::absolute(by.key_file).parent_path();
  auto evidence = read_evidence(folder, key->pins(), runtime::read_clocks());
  if (!evidence) return fail_with(evidence.error());
  const auto* places = evidence->places();
  if (places == nullptr) {
    return fail(ErrorCode::kNotFound, "no list of the vendor's coordinators beside " + by.key_file +
                                          "; put a newer " + kVendorBundle + " there");
  }
  const auto coordinator = places->coordinators.front();
  const auto url = by.coordinator.empty() ? coordinator.url : by.coordinator;
  auto proxies = runtime::ProxyRules::from_environment();
  if (!proxies) return fail_with(proxies.error());
  return std::unique_ptr<Session>(new Session(by, std::move(*key), std::move(*evidence), url,
                                              coordinator.key, std::move(*proxies)));
}

Session::Session(const ByKey& by, KeyFile key, trust::Evidence evidence, std::string url,
                 const crypto::ControlKey& coordinator, runtime::ProxyRules proxies)
    : key_(std::move(key)),
      evidence_(std::move(evidence)),
      url_(std::move(url)),
      timer_(loop_,
             [this] {
               client_.handle_timeout(loop_.now().steady);
               pump();
             }),
      client_(client_options(key_, coordinator, rng_), rng_),
      link_(loop_, rng_,
            {[this](agent::ConnectionId) {
               client_.handle_opened(loop_.now().steady);
               pump();
             },
             [this](agent::ConnectionId, ByteView bytes) {
               client_.handle_message(loop_.now().steady, bytes);
               pump();
             },
             [this](agent::ConnectionId, const std::string& reason) {
               client_.handle_closed(loop_.now().steady, {ErrorCode::kUnavailable, reason});
               pump();
             }},
            std::move(proxies)),
      key_file_(by.key_file) {
  client_.start(loop_.now().steady);
  pump();
}

void Session::pump() {
  while (auto output = client_.poll_output()) {
    std::visit(overloaded{[&](const control::OpenConnection&) {
                            link_.open({++connection_, url_ + std::string(control::kPath)});
                          },
                          [&](const control::CloseConnection&) { link_.close({connection_}); },
                          [&](control::SendRecord& send) {
                            link_.send({connection_, std::move(send.record)});
                          }},
               *output);
  }
  while (auto event = client_.poll_event()) {
    std::visit(overloaded{[&](control::Answered& answered) { take(answered); },
                          [&](control::Disconnected& gone) { lost_ = gone.why; },
                          // A person's session stores no statements and holds no lease.
                          [](const control::Connected&) {}, [](const control::Learned&) {},
                          [](const control::Dropped&) {}, [](const control::Synced&) {},
                          [](const control::Leased&) {}, [](const control::Ticketed&) {}},
               *event);
  }
  timer_.arm_at(client_.next_deadline());
}

// The answer to request 0 is the refusal of the proof. This refusal is the reason why the
// coordinator refuses later requests.
void Session::take(control::Answered& answered) {
  if (answered.request == 0 && !answered.reply) refused_ = answered.reply.error();
  if (answered.request == awaited_) answer_ = std::move(answered.reply);
}

Result<control::Reply> Session::answer_to(Result<control::RequestId> request) {
  if (!request) return fail_with(request.error());
  awaited_ = *request;
  answer_.reset();
  pump();
  const auto answered = [this] { return answer_.has_value() || refused_.has_value(); };
  const bool in_time = loop_.run_until(answered, kSessionTimeout);
  if (refused_) return fail_with(key_refused(*refused_));
  if (!in_time) {
    return fail(ErrorCode::kTimeout, "no answer from the coordinator at " + url_ +
                                         (lost_ ? ": " + lost_->message : std::string()));
  }
  return std::move(*answer_);
}

// Error: the folder knows that the key is suspended. The suspension itself may still be handed in.
Status Session::check_key() const {
  if (!evidence_.who().roots().suspended().contains(key_.key.public_key())) return {};
  return fail_with(key_refused({ErrorCode::kDenied, "that key was suspended"}));
}

Error Session::key_refused(const Error& why) const {
  const std::string root = key_.root == trust::RootKind::kSite ? "site" : "vendor";
  return {ErrorCode::kDenied,
          key_file_ + ", a key of " + key_.person.str() + " (" + key_.group +
              "), cannot be used: " + why.message +
              "; next: another key that the root lists, with --key (culvert " + root +
              " root show lists them), or a new one: culvert key new, which who keeps the root "
              "adds with culvert " +
              root + " root add-key"};
}

Result<control::Reply> Session::put(const note::Note& note) {
  return answer_to(client_.put({note::render(note)}));
}

Result<std::vector<control::Listed>> Session::list(control::ListWhat what) {
  constexpr std::size_t kMaxPages = 64;
  std::vector<note::Note> notes;
  std::vector<control::Listed> entries;
  std::set<crypto::Hash> seen;
  std::string page;
  if (auto usable = check_key(); !usable) return fail_with(usable.error());
  for (std::size_t pages = 0; pages < kMaxPages; ++pages) {
    auto reply = answer_to(client_.list(what, std::nullopt, page));
    if (!reply) return fail_with(reply.error());
    for (const auto& text : reply->notes) {
      auto parsed = note::parse(text);
      if (parsed && seen.insert(crypto::sha256(view(text))).second) {
        notes.push_back(std::move(*parsed));
      }
    }
    std::move(reply->entries.begin(), reply->entries.end(), std::back_inserter(entries));
    if (!reply->page) break;
    page = std::move(*reply->page);
  }
  for (const auto& result : evidence_.offer_all(now(), notes)) {
    (void)result;  // a note that does not verify is ignored
  }
  return entries;
}

Result<Session::AuditLines> Session::audit(const std::string& site, std::uint64_t before,
                                           std::size_t limit) {
  AuditLines out;
  out.next = before;
  if (auto usable = check_key(); !usable) return fail_with(usable.error());
  while (out.lines.size() < limit) {
    auto reply =
        answer_to(client_.query_audit(site.empty() ? std::nullopt : std::optional(site), out.next));
    if (!reply) return fail_with(reply.error());
    const bool older = out.next == 0 || reply->next < out.next;
    out.next = older ? reply->next : 0;  // a page that led to newer lines would never end
    for (auto& line : reply->lines) out.lines.push_back(std::move(line));
    if (out.next == 0) break;
  }
  return out;
}

}  // namespace culvert::cli
