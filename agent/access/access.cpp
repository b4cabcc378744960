#include "agent/access/access.hpp"

#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr std::size_t kMaxUnverified = 1024;
constexpr Duration kSweep = 60s;
constexpr Duration kRecheck = 5s;  // between decisions about rights: the wall clock may jump
constexpr std::uint64_t kMaxRenewEarly = 3 * 24 * 3600;  // seconds before half of a life

}  // namespace

Result<std::unique_ptr<Access>> Access::start(Options options, Environment environment, Now now) {
  Memory memory(environment.site_store, environment.node_store, environment.boot);
  auto beginning = begin(options, memory, environment.rng, now);
  if (!beginning) return fail_with(beginning.error());
  const auto& node = beginning->own.node;
  Journal journal(environment.audit, node.name.str(), node.site.name.str(), memory.uploaded());
  std::unique_ptr<Access> access(
      new Access(Basis{std::move(options), std::move(beginning->keys), std::move(memory),
                       std::move(beginning->evidence), std::move(journal), environment.rng},
                 std::move(beginning->origin), std::move(beginning->own), now));
  audit::Entry entry;
  entry.kind = audit::Kind::kAgentStart;
  entry.device = crypto::format_ed25519(access->basis_.self());
  if (auto written = access->basis_.journal.opening(now, std::move(entry)); !written) {
    return fail_with(written.error());
  }
  access->basis_.events.emplace_back(AddAddress{access->own_.node().address()});
  access->publication_.recall(now);
  access->own_.offer(now);
  return access;
}

Access::Access(Basis basis, Origin origin, OwnStatement own, Now now)
    : basis_(std::move(basis)),
      origin_(std::move(origin)),
      renew_early_(basis_.rng.below(kMaxRenewEarly)),
      own_(basis_, std::move(own), renew_early_, now),
      publication_(basis_, own_, renew_early_),
      leases_(basis_.options.role, basis_.self(), basis_.rng),
      keeper_(basis_, offers_, now),
      ends_(basis_, own_, granted_.rights(), now),
      sweep_at_(now.steady + kSweep) {
  if (basis_.options.token) {  // the token of a site's agent holds the one-time key
    auto& token = *basis_.options.token;
    crypto::wipe({reinterpret_cast<std::uint8_t*>(token.data()), token.size()});
    basis_.options.token.reset();
  }
  if (const auto notes = basis_.memory.revocations()) {
    offers_.recall(now, *notes, basis_.evidence);
  }
}

void Access::learn(Now now, std::vector<note::Note> notes) {
  for (note::Note& note : unverified_) notes.push_back(std::move(note));
  unverified_.clear();
  const auto results = basis_.evidence.offer_all(now, notes);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const auto kind = trust::kind_of(notes[i].text);
    if (kind == trust::Kind::kRevocation && results[i]) {
      offers_.learned(now, notes[i], basis_.evidence);
    }
    if (kind == trust::Kind::kGrant && !basis_.is_site()) requests_.remember(notes[i]);
    if (results[i]) continue;
    basis_.log(LogLevel::kDebug, "statement not taken", results[i].error().message);
    if (results[i].error().code != ErrorCode::kUnverified) continue;
    if (unverified_.size() >= kMaxUnverified) unverified_.pop_front();
    unverified_.push_back(std::move(notes[i]));
  }
  alarms_.write(now);
  basis_.changes.all();
}

void Access::learn_site(Now now, const std::vector<note::Note>& notes) {
  basis_.evidence.offer_all(now, notes);
  basis_.changes.notes = true;
}

Status Access::take_lease(Now now, const note::Note& note) {
  auto taken = leases_.take(now, note, basis_.evidence);
  if (taken) basis_.changes.access = true;
  return taken;
}

void Access::learn_documents(Now now, const std::vector<DocumentFile>& files) {
  documents_.learn(now, files);
}

void Access::handle_lease_answer(Now now, const Result<std::string>& answer) {
  customer_.handle_answer(now, answer);
}

void Access::handle_timeout(Now now) {
  if (std::min(decide_at_, basis_.journal.next_deadline()) <= now.steady) look_again();
  openings_.handle_timeout(now);
  own_.handle_timeout(now);
  documents_.handle_timeout(now);
  ends_.handle_timeout(now);
  if (sweep_at_ > now.steady) return;
  offers_.forget(basis_.evidence.age());
  sweep_at_ = now.steady + kSweep;
}

Instant Access::next_deadline() const {
  if (basis_.changes.access) return {};  // at once
  return std::min({decide_at_, basis_.journal.next_deadline(), openings_.next_deadline(),
                   own_.next_deadline(), documents_.next_deadline(), ends_.next_deadline(),
                   keeper_.next_deadline(), sweep_at_});
}

// The steps are in this order because each needs the steps before it: time passes first; then this
// node publishes, which may make the node a publisher of its own grants; then the evidence says
// which grants are in force; leases are asked for those; and rights need both.
void Access::decide(Now now, const Silent& silent) {
  basis_.changes.access = false;
  basis_.journal.handle_timeout(now);
  if (stopping_) {  // Mesh has ended everything
    decide_at_ = Instant::never();
    return;
  }
  basis_.evidence.advance(now);
  log_conditions(now);
  publication_.publish(now);
  const auto live = concerning(basis_.evidence.live(now), basis_.options.role, basis_.self());
  leases_.set_wanted(now, live);
  customer_.ask(now);
  for (auto& request : leases_.due(now, trust::RootKind::kVendor)) {
    basis_.outbox.ask.push_back(std::move(request));
  }
  granted_.decide(now, live, silent, keeper_.store_ok());
  if (!granted_.permits().unclaimed) claims_.clear();
  decide_at_ = std::min(basis_.evidence.next_change(now), leases_.next_deadline(now));
  if (!granted_.rights().empty()) decide_at_ = std::min(decide_at_, now.steady + kRecheck);
}

void Access::record_ends(Now now) {
  granted_.record_ends(now);
  listeners_.sync(granted_.rights());
}

// Each condition that keeps new grants out is logged when it begins.
void Access::log_conditions(Now now) {
  const bool unwritable = !basis_.journal.writable();
  if (unwritable && !audit_said_) {
    basis_.log(LogLevel::kError,
               "the audit log cannot be written: nothing opens, in 25 s all is cut",
               "free space or repair the state folder");
  }
  audit_said_ = unwritable;
  const bool back = basis_.evidence.clock_went_back(now);
  if (back && !clock_said_) {
    audit::Entry entry;
    entry.kind = audit::Kind::kClock;
    entry.detail = "the clock went back: no new grants";
    basis_.journal.ending(now, std::move(entry));
    basis_.log(LogLevel::kError, "the clock went back: no new grants until it is right again",
               "or run: culvert clock-reset");
  }
  clock_said_ = back;
  const bool forked = basis_.evidence.forked();
  if (forked && !fork_said_) {
    basis_.log(LogLevel::kError, "a root has two texts for its newest epoch: no new grants",
               "see both: culvert fork list");
  }
  fork_said_ = forked;
}

// An upload count that is not stored makes the agent send entries twice, which adds nothing.
void Access::uploaded(std::uint64_t count) {
  static_cast<void>(basis_.memory.save_uploaded(count));
}

}  // namespace culvert::agent
