// The notes that the register holds, for carriers and for the store.
#include <algorithm>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {
namespace {

void add(std::vector<note::Note>& out, std::span<const note::Note> more) {
  out.insert(out.end(), more.begin(), more.end());
}

const note::Note* note_in(const RootChain* chain, const Hash& hash) {
  if (chain == nullptr) return nullptr;
  const auto notes = chain->notes();
  const auto found = std::find_if(notes.begin(), notes.end(),
                                  [&](const note::Note& note) { return note::hash(note) == hash; });
  return found == notes.end() ? nullptr : &*found;
}

template <class Map, class Key>
const note::Note* note_at(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second.note;
}

template <class Statement>
const note::Note* note_of(const std::optional<Held<Statement>>& held) {
  return held ? &held->note : nullptr;
}

const note::Note* site_note(const SiteRecord& site, const Change& change) {
  switch (change.kind) {
    case ChangeKind::kSite:
      return note_of(site.entry);
    case ChangeKind::kPolicy:
      return note_of(site.policy);
    case ChangeKind::kFresh:
      return note_of(site.fresh);
    case ChangeKind::kEnrolment:
      return note_at(site.enrolments, change.statement);
    case ChangeKind::kEnrolled:
      return note_at(site.enrolled, change.statement);
    case ChangeKind::kNone:
    case ChangeKind::kVendorRoot:
    case ChangeKind::kSiteRoot:
    case ChangeKind::kNode:
    case ChangeKind::kService:
    case ChangeKind::kGrant:
    case ChangeKind::kRevocation:
    case ChangeKind::kPlaces:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

const note::Note* Register::held(const Change& change) const {
  const auto id = change.site.value_or(SiteId{});
  const auto site = state_->sites.find(id);
  const note::Note* out = nullptr;
  switch (change.kind) {
    case ChangeKind::kVendorRoot:
      out = note_in(state_->roots.vendor_chain(), change.statement);
      break;
    case ChangeKind::kSiteRoot:
      out = note_in(state_->roots.site_chain(id), change.statement);
      break;
    case ChangeKind::kSite:
    case ChangeKind::kPolicy:
    case ChangeKind::kFresh:
    case ChangeKind::kEnrolment:
    case ChangeKind::kEnrolled:
      if (site != state_->sites.end()) out = site_note(site->second, change);
      break;
    case ChangeKind::kNode:
      if (change.identity) out = note_at(state_->nodes, *change.identity);
      break;
    case ChangeKind::kService:
      if (change.identity) out = note_at(state_->services, *change.identity);
      break;
    case ChangeKind::kPlaces:
      out = note_of(state_->places);
      break;
    case ChangeKind::kRevocation:
      out = state_->revocations.notes().find(id, change.statement);
      break;
    case ChangeKind::kGrant:
    case ChangeKind::kNone:
      break;
  }
  return out != nullptr && note::hash(*out) == change.statement ? out : nullptr;
}

const note::Note* Register::node_note(const IdentityKey& identity) const {
  return note_at(state_->nodes, identity);
}

std::vector<note::Note> Register::chain_notes() const {
  std::vector<note::Note> out;
  const auto* vendor = state_->roots.vendor_chain();
  if (vendor != nullptr) add(out, vendor->notes());
  if (state_->places) out.push_back(state_->places->note);
  return out;
}

std::vector<note::Note> Register::chain_notes(const SiteId& id) const {
  std::vector<note::Note> out;
  const auto found = state_->sites.find(id);
  if (found == state_->sites.end()) return out;
  const auto& site = found->second;
  if (site.entry) out.push_back(site.entry->note);
  add(out, state_->roots.site_chain(id)->notes());
  if (site.policy) out.push_back(site.policy->note);
  if (site.fresh) out.push_back(site.fresh->note);
  return out;
}

// The notes include every step that replaced the node: a party may know only an old node under this
// name.
std::vector<note::Note> Register::agent_notes(const IdentityKey& identity) const {
  constexpr std::size_t kMaxSteps = 64;
  std::vector<note::Note> out;
  const auto node = state_->nodes.find(identity);
  if (node == state_->nodes.end()) return out;
  out.push_back(node->second.note);
  const auto found = state_->sites.find(node->second.statement.site.id);
  if (found == state_->sites.end()) return out;
  const auto& site = found->second;
  auto enrolled = site.enrolled.find(node->second.statement.enrolled);
  for (std::size_t i = 0; i < kMaxSteps && enrolled != site.enrolled.end(); ++i) {
    out.push_back(enrolled->second.note);
    const auto rests_on = site.enrolments.find(enrolled->second.statement.enrolment);
    if (rests_on == site.enrolments.end()) break;
    out.push_back(rests_on->second.note);
    const auto& before = rests_on->second.statement.replaces;
    enrolled = std::find_if(site.enrolled.begin(), site.enrolled.end(), [&](const auto& entry) {
      return entry.second.statement.identity == before;
    });
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<note::Note> Register::enrolled_notes(const SiteId& id) const {
  std::vector<note::Note> out;
  const auto site = state_->sites.find(id);
  if (site == state_->sites.end()) return out;
  for (const auto& [hash, held] : site->second.enrolments) out.push_back(held.note);
  for (const auto& [hash, held] : site->second.enrolled) out.push_back(held.note);
  return out;
}

std::vector<note::Note> Register::supporting_notes(const SiteId& id, const IdentityKey& device,
                                                   const Fqdn& service) const {
  auto out = chain_notes();
  add(out, chain_notes(id));
  if (const auto* note = node_note(device)) out.push_back(*note);
  const auto* site = state_->usable(id);
  const auto* rules = policy(id);
  const auto* listed = rules == nullptr ? nullptr : rules->service(service);
  if (listed == nullptr) return out;
  for (const auto& [identity, held] : state_->services) {
    if (!state_->entitled(held, *listed, *site)) continue;
    add(out, agent_notes(identity));
    out.push_back(held.note);
  }
  return out;
}

std::vector<note::Note> Register::notes() const {
  auto out = chain_notes();
  for (const auto& [id, site] : state_->sites) {
    add(out, chain_notes(id));
    add(out, enrolled_notes(id));
  }
  for (const auto& [identity, held] : state_->nodes) out.push_back(held.note);
  for (const auto& [identity, held] : state_->services) out.push_back(held.note);
  return out;
}

}  // namespace culvert::trust
