#include "agent/access/own_node.hpp"

#include "agent/access/hello_bundle.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kLookAgain = std::chrono::hours(1);
constexpr Duration kLookAtLaptop = std::chrono::minutes(10);  // at the latest
constexpr Duration kRenewRetry = 30s;

// What the revocation ends, and what the operator does next, in one line.
std::string describe(RevokedWhat what, const trust::Revocation& ended, const trust::Label& name) {
  const auto why = " (" + ended.reason + ", " + format_time(ended.issued) + "): ";
  const auto again =
      "culvert site token --name " + name.str() + ", and the agent is started with it, ";
  switch (what) {
    case RevokedWhat::kToken:
      return "the token that enrolled this node was revoked" + why +
             "this node needs a new token; next: the customer runs " + again +
             "culvert up --token-file FILE";
    case RevokedWhat::kNode:
      return "this node was revoked" + why +
             "it needs a new token and a new identity; next: the customer runs " + again +
             "culvert up --token-file FILE --state NEW-FOLDER";
    case RevokedWhat::kDevice:
      return "this laptop was revoked" + why +
             "it needs a new token and a new identity; next: the vendor runs culvert device "
             "token, and the laptop is started with it, culvert up --token-file FILE --state "
             "NEW-FOLDER";
  }
  return {};
}

}  // namespace

OwnNode::OwnNode(Basis& basis, OwnStatement own, std::chrono::seconds renew_early, Now now)
    : basis_(basis), own_(std::move(own)), renew_early_(renew_early), look_at_(now.steady) {}

std::optional<trust::Enrolment> OwnNode::enrolment() const {
  if (!own_.enrolment) return std::nullopt;
  auto parsed = trust::Enrolment::parse(own_.enrolment->text);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

// The policy goes along: the coordinator may see the policy here for the first time.
std::optional<std::string> OwnNode::rests_on() const {
  if (!own_.enrolment) return std::nullopt;
  std::optional<note::Note> policy;
  for (note::Note& note : basis_.evidence.chain_notes(own_.node.site.id)) {
    if (trust::kind_of(note.text) == trust::Kind::kPolicy) policy = std::move(note);
  }
  return hello_bundle(policy, *own_.enrolment, own_.enrolled);
}

trust::SiteState OwnNode::state() const {
  trust::SiteState state;
  state.site = own_.node.site;
  state.agent = basis_.self();
  const auto known = basis_.evidence.documents(state.site.id);
  state.vendor_root = known.vendor_root;
  state.site_root = known.site_root;
  state.policy = known.policy;
  state.revocations = basis_.evidence.revocations(state.site.id);
  return state;
}

void OwnNode::offer(Now now) {
  basis_.outbox.node_changed = true;
  std::vector<note::Note> own{own_.note};
  if (own_.enrolment && own_.enrolled) own.insert(own.begin(), {*own_.enrolment, *own_.enrolled});
  basis_.evidence.offer_all(now, own);
}

std::optional<RevokedView> OwnNode::revoked() const {
  const bool site = basis_.is_site();
  for (const auto& note : basis_.evidence.notes()) {
    if (trust::kind_of(note.text) != trust::Kind::kRevocation) continue;
    const auto ended = trust::Revocation::parse(note.text);
    if (!ended) continue;
    const bool token = site && own_.enrolment && ended->what == trust::Revokes::kEnrolment &&
                       ended->enrolment == note::hash(*own_.enrolment);
    const auto own = site ? trust::Revokes::kNode : trust::Revokes::kDevice;
    const bool node_itself =
        ended->what == own && ended->identity() == basis_.self() && (site || !ended->site);
    if (!token && !node_itself) continue;
    const auto what = token  ? RevokedWhat::kToken
                      : site ? RevokedWhat::kNode
                             : RevokedWhat::kDevice;
    return RevokedView{what, ended->reason, ended->issued, describe(what, *ended, own_.node.name)};
  }
  return std::nullopt;
}

void OwnNode::say_revoked() {
  const auto revision = basis_.evidence.floors_revision();
  if (std::exchange(looked_at_floors_, revision) == revision || revoked_said_) return;
  const auto ended = revoked();
  if (!ended) return;
  revoked_said_ = true;
  basis_.log(LogLevel::kError, "revoked", ended->text);
}

// The new statement is durable before anybody sees it, so that no serial is used for two texts.
bool OwnNode::replace(Now now, Result<note::Note> next) {
  auto parsed = next ? trust::Node::parse(next->text) : fail_with(next.error());
  if (!parsed) {
    basis_.log(LogLevel::kError, "cannot renew", parsed.error().message);
    return false;
  }
  std::vector<note::Note> own{*next};
  if (own_.enrolment && own_.enrolled) {
    own.insert(own.end(), {*own_.enrolment, *own_.enrolled});
  }
  if (auto saved = basis_.memory.save_own("node", own); !saved) {
    basis_.log(LogLevel::kError, "cannot store the node statement", saved.error().message);
    return false;
  }
  own_.node = std::move(*parsed);
  own_.note = std::move(*next);
  offer(now);
  return true;
}

void OwnNode::handle_timeout(Now now) {
  if (look_at_ > now.steady) return;
  basis_.changes.access = true;  // the statement of services may be half over, too
  look_at_ = now.steady + kRenewRetry;
  if (basis_.is_site()) {
    renew_agent(now);
  } else {
    renew_device(now);
  }
}

void OwnNode::renew_agent(Now now) {
  const auto rests_on = enrolment();
  if (!rests_on) {
    return basis_.log(LogLevel::kError, "cannot renew", "the enrolment is gone: use a token");
  }
  const auto& node = own_.node;
  const bool ahead =
      node.issued > now.wall + trust::kIssuedSkew && !basis_.evidence.clock_went_back(now);
  const bool due_now = node.expires - now.wall <= trust::kMaxAgentLife / 2 + renew_early_;
  if ((due_now || ahead) && now.wall <= rests_on->renew_until) {
    if (!replace(now, agent::renew_agent(now, node, basis_.keys))) return;
    basis_.log(LogLevel::kInfo, "renewed", "until " + format_time(own_.node.expires));
  }
  look_at_ = now.steady + kLookAgain;
}

// A new text waits for its admission while the statement before is still in force: half of a life
// is left for the person who runs `culvert device renew`.
void OwnNode::renew_device(Now now) {
  const auto life = trust::device_life(basis_.evidence.vendor_root());
  const auto left = own_.node.expires - now.wall;
  // A statement from a clock that was ahead would be refused until that time has come.
  const bool ahead =
      own_.node.issued > now.wall + trust::kIssuedSkew && !basis_.evidence.clock_went_back(now);
  if (left <= life / 2 || ahead) {
    if (!replace(now, agent::renew_device(now, own_.node, basis_.keys, life))) return;
    const auto* admitted = basis_.evidence.node(now, basis_.self());
    basis_.log(admitted == nullptr ? LogLevel::kWarning : LogLevel::kInfo, "waiting for admission",
               (admitted == nullptr ? std::string("nothing can be reached until then")
                                    : "admitted until " + format_time(admitted->expires)) +
                   "; the vendor runs: culvert device renew, or culvert device list and admit");
  }
  const auto until = std::max<std::chrono::seconds>(own_.node.expires - now.wall - life / 2,
                                                    std::chrono::seconds{1});
  look_at_ = now.steady + std::min<Duration>(until, kLookAtLaptop);
  remind_coordinator(now);
}

// A coordinator may have forgotten a laptop that waits for its admission, so the laptop sends its
// statement again until its vendor has answered.
void OwnNode::remind_coordinator(Now now) {
  const auto* known = basis_.evidence.node_note(own_.node.identity);
  if (known != nullptr && known->text == own_.note.text) return;
  basis_.outbox.remind = own_.note;
  const Duration spread{
      static_cast<std::int64_t>(basis_.rng.below(static_cast<std::uint64_t>(kRenewRetry.count())))};
  look_at_ = std::min(look_at_, now.steady + kRenewRetry + spread);
}

}  // namespace culvert::agent
