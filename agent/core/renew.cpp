// This node's own statement before it ends: an agent signs the next one by itself, a laptop asks
// for its admission again.
#include "agent/core/parts.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kLookAgain = std::chrono::hours(1);

}  // namespace

// A revocation of this identity, or of the token that enrolled it.
std::optional<RevokedView> Core::Parts::revoked_self() const {
  const bool site = options.role == Role::kSite;
  const auto self = keys.identity.public_key();
  for (const auto& note : evidence.notes()) {
    if (trust::kind_of(note.text) != trust::Kind::kRevocation) continue;
    const auto ended = trust::Revocation::parse(note.text);
    if (!ended) continue;
    const bool token = site && enrolment && ended->what == trust::Revokes::kEnrolment &&
                       ended->enrolment == note::hash(*enrolment);
    const auto own = site ? trust::Revokes::kNode : trust::Revokes::kDevice;
    const bool node_itself =
        ended->what == own && ended->identity() == self && (site || !ended->site);
    if (!token && !node_itself) continue;
    RevokedView out{token ? "token" : (site ? "node" : "device"), ended->reason, ended->issued, {}};
    const auto why = " (" + ended->reason + ", " + format_time(ended->issued) + "): ";
    const auto again =
        "culvert site token --name " + node.name.str() + ", and the agent is started with it, ";
    if (token) {
      out.text = "the token that enrolled this node was revoked" + why +
                 "this node needs a new token; next: the customer runs " + again +
                 "culvert up --token-file FILE";
    } else if (site) {
      out.text = "this node was revoked" + why +
                 "it needs a new token and a new identity; next: the customer runs " + again +
                 "culvert up --token-file FILE --state NEW-FOLDER";
    } else {
      out.text = "this laptop was revoked" + why +
                 "it needs a new token and a new identity; next: the vendor runs culvert device "
                 "token, and the laptop is started with it, culvert up --token-file FILE --state "
                 "NEW-FOLDER";
    }
    return out;
  }
  return std::nullopt;
}

// Once, when the revocation is heard; and at each start.
void Core::Parts::say_revoked() {
  const auto revision = evidence.floors_revision();
  if (std::exchange(revoked_looked, revision) == revision) return;
  if (revoked_said) return;
  const auto revoked = revoked_self();
  if (!revoked) return;
  revoked_said = true;
  log(LogLevel::kError, "revoked", revoked->text);
}

// Durable before anybody sees it: a serial is never used for two texts.
bool Core::Parts::replace_own(Now now, Result<note::Note> next) {
  auto parsed = next ? trust::Node::parse(next->text) : fail_with(next.error());
  if (!parsed) {
    log(LogLevel::kError, "cannot renew", parsed.error().message);
    return false;
  }
  std::vector<note::Note> own{*next};
  if (enrolment && enrolled) own.insert(own.end(), {*enrolment, *enrolled});
  if (auto saved = memory.save_own("node", own); !saved) {
    log(LogLevel::kError, "cannot store the node statement", saved.error().message);
    return false;
  }
  node = std::move(*parsed);
  node_note = std::move(*next);
  offer_own(now);
  return true;
}

void Core::Parts::renew(Now now) {
  access_dirty = true;  // what is published may be half over
  due.renew = now.steady + kRenewRetry;
  options.role == Role::kSite ? renew_agent(now) : renew_device(now);
}

void Core::Parts::renew_agent(Now now) {
  const auto rests_on = enrolment ? trust::Enrolment::parse(enrolment->text)
                                  : Result<trust::Enrolment>(fail(ErrorCode::kNotFound, "none"));
  if (!rests_on) return log(LogLevel::kError, "cannot renew", "the enrolment is gone: use a token");
  const bool ahead = node.issued > now.wall + trust::kIssuedSkew && !evidence.clock_went_back(now);
  const bool due_now = node.expires - now.wall <= trust::kMaxAgentLife / 2 + renew_early;
  if ((due_now || ahead) && now.wall <= rests_on->renew_until) {
    if (!replace_own(now, agent::renew_agent(node, keys, now))) return;
    log(LogLevel::kInfo, "renewed", "until " + format_time(node.expires));
  }
  due.renew = now.steady + kLookAgain;
}

// A new text waits for its admission while the statement before is still in force: half of a life
// is left for whoever runs `culvert device renew`.
void Core::Parts::renew_device(Now now) {
  const auto life = trust::device_life(evidence.vendor_root());
  const auto left = node.expires - now.wall;
  // A statement from a clock that was ahead would be refused until that time has come.
  const bool ahead = node.issued > now.wall + trust::kIssuedSkew && !evidence.clock_went_back(now);
  if (left <= life / 2 || ahead) {
    if (!replace_own(now, agent::renew_device(node, keys, life, now))) return;
    const auto* admitted = evidence.node(keys.identity.public_key(), now);
    log(admitted == nullptr ? LogLevel::kWarning : LogLevel::kInfo, "waiting for admission",
        (admitted == nullptr ? std::string("nothing can be reached until then")
                             : "admitted until " + format_time(admitted->expires)) +
            "; the vendor runs: culvert device renew, or culvert device list and admit");
  }
  const auto until = std::max<std::chrono::seconds>(node.expires - now.wall - life / 2, 1s);
  due.renew = now.steady + std::min<Duration>(until, std::chrono::minutes(10));
  offer_again(now);
}

// New nodes of the site, and what contradicts what is known: in the log and in the journal. Who
// signs contradictions one after the other pushes nothing out of either. New nodes are all told:
// the customer's tokens bound them.
void Core::Parts::say_alarms(Now now) {
  if (evidence.alarms_raised() == alarms_said) return;
  for (const trust::Alarm& alarm : evidence.alarms()) {
    if (alarm.number <= alarms_said) continue;
    const bool own =
        alarm.kind == trust::AlarmKind::kNewNode && alarm.identity == keys.identity.public_key();
    const bool conflict = alarm.kind == trust::AlarmKind::kConflict;
    if (own || (options.role != Role::kSite && !conflict)) continue;
    const auto rate =
        alarm_rates.try_emplace({alarm.site, alarm.kind}, kAlarmEvery, trust::kMaxAlarms).first;
    if (alarm.kind != trust::AlarmKind::kNewNode && !rate->second.take(now.steady)) continue;
    audit::Entry entry;
    entry.kind = audit::Kind::kAlarm;
    if (!alarm.identity.is_zero()) entry.device = crypto::format_ed25519(alarm.identity);
    entry.detail = alarm.what;
    journal.ending(now, std::move(entry));
    log(LogLevel::kError, "alarm", alarm.what);
  }
  alarms_said = evidence.alarms_raised();
}

}  // namespace culvert::agent
