// What Evidence answers about roots and revocations, for carriers and for people.
#include <algorithm>

#include "proto/crypto/hash.hpp"
#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

const note::Note* note_in(std::span<const note::Note> notes, const Hash& hash) {
  const auto found = std::find_if(notes.begin(), notes.end(),
                                  [&](const note::Note& note) { return note::hash(note) == hash; });
  return found == notes.end() ? nullptr : &*found;
}

template <class Map, class Key>
const note::Note* note_at(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second.note;
}

}  // namespace

const note::Note* Evidence::held(const Change& change) const {
  const auto site = change.site ? state_->sites.find(*change.site) : state_->sites.end();
  const bool has_site = site != state_->sites.end();
  const note::Note* out = nullptr;
  switch (change.kind) {
    case ChangeKind::kVendorRoot:
      if (state_->vendor) out = note_in(state_->vendor->notes(), change.statement);
      break;
    case ChangeKind::kSiteRoot:
      if (has_site) out = note_in(site->second.chain.notes(), change.statement);
      break;
    case ChangeKind::kSite:
      if (has_site && site->second.entry) out = &site->second.entry->note;
      break;
    case ChangeKind::kPolicy:
      if (has_site && site->second.policy) out = &site->second.policy->note;
      break;
    case ChangeKind::kFresh:
      if (has_site && site->second.fresh) out = &site->second.fresh->note;
      break;
    case ChangeKind::kEnrolment:
      if (has_site) out = note_at(site->second.enrolments, change.statement);
      break;
    case ChangeKind::kEnrolled:
      if (has_site) out = note_at(site->second.enrolled, change.statement);
      break;
    case ChangeKind::kNode:
      if (change.identity) out = note_at(state_->nodes, *change.identity);
      break;
    case ChangeKind::kService:
      if (change.identity) out = note_at(state_->services, *change.identity);
      break;
    case ChangeKind::kGrant:
      if (change.grant) out = note_at(state_->grants, *change.grant);
      break;
    case ChangeKind::kPlaces:
      if (state_->places) out = &state_->places->note;
      break;
    case ChangeKind::kRevocation:
      out = state_->revocations.find(change.site.value_or(SiteId{}), change.statement);
      break;
    case ChangeKind::kNone:
      break;
  }
  return out != nullptr && note::hash(*out) == change.statement ? out : nullptr;
}

note::Note Evidence::known_lines(const note::Note& note) const {
  const auto revocation = Revocation::parse(note.text);
  if (!revocation) return note;
  std::vector<note::KnownKey> own;
  if (revocation->what == Revokes::kKey) own.push_back({"its holder", revocation->key});
  const auto* held = revocation->what == Revokes::kGrant ? grant(revocation->grant) : nullptr;
  if (held != nullptr) own.push_back({"device", held->device});
  return state_->stripped(note, revocation->site ? state_->usable(*revocation->site) : nullptr,
                          own);
}

const note::Note* Evidence::revocation_of(const GrantId& id, const SiteId& site) const {
  return state_->revocations.find(revoked_grant(id, site));
}

bool Evidence::ended(const GrantId& id) const { return state_->floors.tombstones.count(id) != 0; }

bool Evidence::device_ended(const IdentityKey& device, const SiteId& site) const {
  return state_->device_revoked(device, site);
}

bool Evidence::node_ended(const IdentityKey& node, const SiteId& site) const {
  return state_->revoked(Revokes::kNode, node.bytes, site);
}

StoreAge Evidence::forget_at(WallTime end, Now now) const {
  return state_->store_clock.forget_at(end, now, {});
}

std::vector<note::Note> Evidence::revocation_notes(const SiteId& id) const {
  return state_->revocations.of(id);
}

DocumentMark Evidence::revocations(const SiteId& id) const {
  const auto hashes = state_->revocations.hashes_of(id);
  Bytes joined;
  for (const auto& hash : hashes) append(joined, hash.view());
  return {hashes.size(), crypto::sha256(joined)};
}

std::vector<note::Note> Evidence::rivals() const {
  std::vector<note::Note> out;
  const auto add = [&](const RootChain& chain) {
    out.insert(out.end(), chain.rivals().begin(), chain.rivals().end());
  };
  if (state_->vendor) add(*state_->vendor);
  for (const auto& [id, site] : state_->sites) add(site.chain);
  return out;
}

std::vector<RootFork> Evidence::forks() const {
  std::vector<RootFork> out;
  const auto add = [&](const RootChain& chain) {
    if (auto fork = chain.fork()) out.push_back(std::move(*fork));
  };
  if (state_->vendor) add(*state_->vendor);
  for (const auto& [id, site] : state_->sites) add(site.chain);
  return out;
}

Status Evidence::choose_fork(const Hash& text) { return state_->choose_fork(text); }

namespace {

template <class Record>
bool vouched(const std::optional<Record>& held) {
  return held && held->vouched;
}

}  // namespace

std::vector<std::string> Evidence::what_ends(const Root& next) const {
  State after(*state_);
  std::vector<std::string> out;
  auto* chain = next.genesis ? after.chain_of(*next.genesis) : nullptr;
  if (chain == nullptr) return out;
  chain->suppose(next);
  after.revouch({});
  if (vouched(state_->places) && !vouched(after.places)) {
    out.push_back("the list of addresses, serial " +
                  std::to_string(state_->places->statement.serial));
  }
  for (const auto& [id, site] : state_->sites) {
    const auto& then = after.sites.at(id);
    if (vouched(site.entry) && !vouched(then.entry)) {
      out.push_back("the directory's entry of the site " + site.entry->statement.site.name.str());
    }
    if (vouched(site.policy) && !vouched(then.policy)) {
      out.push_back("the policy of the site " + site.policy->statement.site.name.str() +
                    ", serial " + std::to_string(site.policy->statement.serial));
    }
    for (const auto& [hash, held] : site.enrolments) {
      if (!held.vouched || then.enrolments.at(hash).vouched) continue;
      out.push_back("the enrolment " + format_hash(hash.view()));
    }
  }
  for (const auto& [identity, held] : state_->nodes) {
    if (!held.vouched || after.nodes.at(identity).vouched) continue;
    out.push_back("the statement of the node " + held.statement.name.str() + ", " +
                  crypto::format_ed25519(identity));
  }
  for (const auto& [id, record] : state_->grants) {
    if (state_->floors.tombstones.count(id) != 0 || !record.approval.complete()) continue;
    if (!after.grants.at(id).approval.complete()) out.push_back("the grant " + id.str());
  }
  return out;
}

}  // namespace culvert::trust
