#include "coordinator/core/states.hpp"

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {

Status States::take(const note::Note& note, const trust::Node* from, Rng& rng) {
  const auto state = trust::SiteState::parse(note.text);
  if (!state) return fail_with(state.error());
  if (from == nullptr || from->kind != trust::NodeKind::kAgent || state->agent != from->identity ||
      state->site != from->site) {
    return fail(ErrorCode::kDenied, "an agent hands in only its own state, for its own site");
  }
  const note::KnownKey own{from->name.str(), from->identity};
  const auto signers = note::verify(note, std::span(&own, 1));
  if (!signers || signers->empty()) {
    return fail(ErrorCode::kUnverified, "the agent has not signed its state");
  }
  auto kept = note::keep_known(note, std::span(&own, 1));
  if (!kept) return fail_with(kept.error());
  if (note::render(*kept).size() > kMaxStateNote) {
    return fail(ErrorCode::kExhausted, "a state of more than 4 KiB");
  }
  const auto known = held_.find(from->identity);
  if (known != held_.end() && state->issued < known->second.issued) {
    return fail(ErrorCode::kStale, "a state that is older than the one that is known");
  }
  if (known == held_.end()) {
    if (held_.size() >= kMaxStates) {
      const auto gone = by_site_.any_of_fullest(rng);
      by_site_.remove(gone);
      held_.erase(gone);
    }
    by_site_.add(from->site.id.hex(), from->identity);
  }
  held_.insert_or_assign(from->identity, Held{std::move(*kept), state->issued});
  return {};
}

const note::Note* States::find(const trust::IdentityKey& agent) const {
  const auto found = held_.find(agent);
  return found == held_.end() ? nullptr : &found->second.note;
}

std::vector<trust::Expiry> Core::endings() const {
  const auto& evidence = impl_->ledger_.evidence();
  std::vector<trust::SiteId> sites;
  for (const auto& site : evidence.sites()) sites.push_back(site.id);
  return trust::expiries(evidence.who(), sites);
}

// Lists the revocations of the sites that the proven keys see, then the agents of these sites: each
// with its last state, or with its node statement if it has sent no state.
void Core::Impl::list_states(Now now, const Sight& sees, const control::List& question,
                             Pages& pages) const {
  const auto& evidence = ledger_.evidence();
  const auto asked_for = [&](const trust::SiteRef& site) {
    return sees.sees(site.id) && (!question.site || site.name.str() == *question.site);
  };
  std::map<crypto::Hash, note::Note> revocations;
  for (const auto& site : evidence.sites()) {
    if (!asked_for(site)) continue;
    for (auto& note : evidence.revocation_notes(site.id)) {
      revocations.emplace(note::hash(note), std::move(note));
    }
  }
  for (const auto& [id, note] : revocations) {
    if (!pages.entry(at('1', id.hex()), {}, note, "REVOCATION")) return;
  }
  for (const auto& node : evidence.nodes(now)) {
    const auto* own = evidence.node_note(node.identity);
    if (node.kind != trust::NodeKind::kAgent || own == nullptr || !asked_for(node.site)) continue;
    const auto place = at('2', node.identity.hex());
    if (pages.passed(place)) continue;  // before its supporting notes are collected
    auto notes = evidence.chain_notes(node.site.id);
    for (auto& each : evidence.agent_notes(node.identity)) notes.push_back(std::move(each));
    const auto* state = states_.find(node.identity);
    if (!pages.entry(place, notes, state == nullptr ? *own : *state,
                     state == nullptr ? "SILENT" : "STATE")) {
      return;
    }
  }
}

}  // namespace culvert::coordinator
