#include "coordinator/core/states.hpp"

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {

Status States::take(const note::Note& note, const trust::Node* from) {
  const auto state = trust::SiteState::parse(note.text);
  if (!state) return fail_with(state.error());
  if (from == nullptr || from->kind != trust::NodeKind::kAgent || state->agent != from->identity ||
      state->site != from->site) {
    return fail(ErrorCode::kDenied, "an agent hands in its own state alone, for its own site");
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
  // The map is sorted by keys that nobody can choose freely: the neighbour is a random one.
  if (known == held_.end() && held_.size() >= kMaxStates) {
    auto gone = held_.lower_bound(from->identity);
    held_.erase(gone == held_.end() ? held_.begin() : gone);
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
  return trust::expiries(evidence, sites);
}

// To the site's own keys: the agents, what each has said, and the notes by which they can be told.
Result<control::Message> Core::Impl::list_states(Now now, const Sight& sees,
                                                 const control::List& question) const {
  const auto& evidence = ledger_.evidence();
  control::Reply reply;
  reply.re = question.id;
  std::set<crypto::Hash> seen;
  std::size_t bytes = 0;
  const auto add = [&](const note::Note& note) {
    if (!seen.insert(note::hash(note)).second) return;
    auto text = note::render(note);
    if (bytes + text.size() > kMaxReplyBytes || reply.notes.size() >= control::kMaxNotes) return;
    bytes += text.size();
    reply.notes.push_back(std::move(text));
  };
  for (const auto& note : evidence.chain_notes()) add(note);
  for (const auto& site : evidence.sites()) {
    if (!sees.sees(site.id)) continue;
    if (question.site && site.name.str() != *question.site) continue;
    for (const auto& note : evidence.chain_notes(site.id)) add(note);
    for (const auto& note : evidence.revocation_notes(site.id)) add(note);
  }
  for (const auto& node : evidence.nodes(now)) {
    if (node.kind != trust::NodeKind::kAgent || !sees.sees(node.site.id)) continue;
    if (question.site && node.site.name.str() != *question.site) continue;
    for (const auto& note : evidence.agent_notes(node.identity)) add(note);
    const auto* state = states_.find(node.identity);
    if (state == nullptr) continue;
    auto text = note::render(*state);
    if (bytes + text.size() > kMaxReplyBytes || reply.entries.size() >= control::kMaxNotes)
      continue;
    bytes += text.size();
    reply.entries.push_back({std::move(text), "STATE"});
  }
  return reply;
}

}  // namespace culvert::coordinator
