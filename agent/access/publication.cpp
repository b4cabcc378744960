#include "agent/access/publication.hpp"

#include <algorithm>

#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {

Publication::Publication(Basis& basis, OwnNode& own, std::chrono::seconds renew_early)
    : basis_(basis), own_(own), renew_early_(renew_early) {
  auto notes = basis_.memory.own("service");
  if (!notes || notes->empty()) return;
  auto last = trust::Service::parse(notes->front().text);
  if (!last) return;
  service_ = std::move(*last);
  note_ = std::move(notes->front());
}

// The evidence refuses a statement that is over, or of which the site's documents say something
// else by now. Then the agent publishes anew.
void Publication::recall(Now now) {
  if (note_ && !basis_.evidence.offer(now, *note_)) service_.expires = {};
}

void Publication::publish(Now now) {
  const trust::Node* self = basis_.evidence.node(now, basis_.self());
  if (self != nullptr && !admitted_) {
    audit::Entry entry;
    entry.kind = audit::Kind::kNodeAdmitted;
    entry.device = crypto::format_ed25519(self->identity);
    basis_.journal.ending(now, std::move(entry));
    basis_.log(LogLevel::kInfo, "admitted", "until " + format_time(self->expires));
  }
  admitted_ = self != nullptr;
  if (self == nullptr) return own_.say_revoked();
  if (!basis_.is_site()) return;
  auto next = due(now, *self);
  if (!next) return;
  auto note = trust::sign_statement(*next, trust::Signer{self->name.str(), basis_.keys.identity});
  if (!note) return basis_.log(LogLevel::kError, "cannot publish", note.error().message);
  const auto taken = basis_.evidence.offer(now, *note);
  if (!taken) return basis_.log(LogLevel::kError, "cannot publish", taken.error().message);
  if (auto saved = basis_.memory.save_own("service", {*note}); !saved) {
    basis_.log(LogLevel::kError, "cannot store what is served", saved.error().message);
  }
  service_ = std::move(*next);
  note_ = std::move(*note);
  basis_.changes.notes = true;
  basis_.outbox.put.push_back(*note_);
}

// The statement to sign now; nothing: the present statement is right, or no policy is known.
std::optional<trust::Service> Publication::due(Now now, const trust::Node& self) const {
  const trust::Policy* policy = basis_.evidence.policy(self.site.id);
  if (policy == nullptr) return std::nullopt;
  trust::Service next;
  next.site = self.site;
  next.node = self.identity;
  next.issuer = basis_.options.server_issuer;
  const auto& configured = basis_.options.services;
  for (const trust::PolicyService& listed : policy->services) {
    const bool ours = std::any_of(configured.begin(), configured.end(), [&](const auto& one) {
      return one.name == listed.name.str() || one.name == listed.name.label().str();
    });
    if (ours && self.has_tag(listed.tag)) next.services.push_back(listed.name);
  }
  const bool half_over = service_.expires <= now.wall + trust::kMaxAgentLife / 2 + renew_early_;
  if (note_ && !half_over && service_.services == next.services && service_.issuer == next.issuer) {
    return std::nullopt;
  }
  next.serial = service_.serial + (note_ ? 1 : 0);
  next.issued = now.wall;
  next.expires = now.wall + trust::kMaxAgentLife;
  return next;
}

}  // namespace culvert::agent
