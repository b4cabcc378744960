#include "proto/trust/evidence.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

void add(std::vector<note::Note>& out, std::span<const note::Note> more) {
  out.insert(out.end(), more.begin(), more.end());
}

}  // namespace

std::string_view phase_name(RequestPhase phase) {
  constexpr std::array<std::string_view, 9> kNames = {"PENDING",   "APPROVED",  "ACTIVE",
                                                      "COMPLETED", "EXPIRED",   "REVOKED",
                                                      "DENIED",    "WITHDRAWN", "INVALID"};
  return kNames[static_cast<std::size_t>(phase)];
}

Evidence::Evidence(Pins pins, Floors floors, BootId boot)
    : state_(std::make_unique<State>(pins, std::move(floors), boot)) {
  state_->index_floors();
  if (pins.site_root) state_->site_record(to_site_id(*pins.site_root));
  state_->adopt_vendor();
}
Evidence::~Evidence() = default;
Evidence::Evidence(Evidence&&) noexcept = default;
Evidence& Evidence::operator=(Evidence&&) noexcept = default;

void Evidence::pin_site(const SiteId& id) {
  state_->site_record(id).pinned = true;
  state_->revouch(id);
}

Result<Change> Evidence::offer(const note::Note& note, Now now) {
  auto change = state_->offer(note, now);
  if (change) state_->advance(now);
  return change;
}

Result<Change> Evidence::offer(std::string_view note, Now now) {
  const auto parsed = note::parse(note);
  if (!parsed) return fail_with(parsed.error());
  return offer(*parsed, now);
}

void Evidence::advance(Now now) { state_->advance(now); }

const Root* Evidence::vendor_root() const { return state_->vendor_root(); }
VendorId Evidence::vendor_id() const { return state_->vendor_id(); }

const Root* Evidence::site_root(const SiteId& id) const {
  const auto* site = state_->usable(id);
  return site == nullptr ? nullptr : site->chain.current();
}

const Policy* Evidence::policy(const SiteId& id) const {
  const auto* site = state_->usable(id);
  return site == nullptr ? nullptr : state_->policy(*site);
}

std::optional<Hash> Evidence::policy_hash(const SiteId& id) const {
  if (policy(id) == nullptr) return std::nullopt;
  return state_->floors.sites.at(id).policy;
}

std::vector<SiteRef> Evidence::sites() const {
  std::vector<SiteRef> out;
  for (const auto& [id, site] : state_->sites) {
    if (const auto* root = site_root(id)) out.push_back({root->name, id});
  }
  return out;
}

std::optional<SiteRef> Evidence::site(const Fqdn& name) const {
  const auto all = sites();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const SiteRef& ref) { return ref.name == name; });
  if (found == all.end()) return std::nullopt;
  return *found;
}

const Node* Evidence::node(const IdentityKey& identity, Now now) const {
  return state_->node(identity, state_->clock(now));
}

std::vector<Node> Evidence::nodes(Now now) const {
  std::vector<Node> out;
  for (const auto& [identity, held] : state_->nodes) {
    if (const auto* found = node(identity, now)) out.push_back(*found);
  }
  return out;
}

std::vector<Publisher> Evidence::publishers(const Fqdn& service, Now now) const {
  const auto name = service.site();
  const auto ref = name ? site(*name) : std::nullopt;
  const auto* rules = ref ? policy(ref->id) : nullptr;
  const auto* listed = rules == nullptr ? nullptr : rules->service(service);
  if (listed == nullptr) return {};
  return state_->publishers(*listed, state_->sites.at(ref->id), state_->clock(now));
}

const Grant* Evidence::grant(const GrantId& id) const {
  const auto found = state_->grants.find(id);
  return found == state_->grants.end() ? nullptr : &found->second.grant;
}

std::vector<GrantId> Evidence::grants() const {
  std::vector<GrantId> out;
  for (const auto& [id, record] : state_->grants) out.push_back(id);
  return out;
}

const note::Note* Evidence::grant_note(const GrantId& id) const {
  const auto found = state_->grants.find(id);
  return found == state_->grants.end() ? nullptr : &found->second.note;
}

const note::Note* Evidence::node_note(const IdentityKey& identity) const {
  const auto found = state_->nodes.find(identity);
  return found == state_->nodes.end() ? nullptr : &found->second.note;
}

std::vector<note::Note> Evidence::chain_notes() const {
  std::vector<note::Note> out;
  if (state_->vendor) add(out, state_->vendor->notes());
  if (state_->places) out.push_back(state_->places->note);
  return out;
}

const Places* Evidence::places() const {
  const auto& held = state_->places;
  return held && held->vouched ? &held->statement : nullptr;
}

std::vector<note::Note> Evidence::chain_notes(const SiteId& id) const {
  std::vector<note::Note> out;
  const auto found = state_->sites.find(id);
  if (found == state_->sites.end()) return out;
  if (found->second.entry) out.push_back(found->second.entry->note);
  add(out, found->second.chain.notes());
  if (found->second.policy) out.push_back(found->second.policy->note);
  if (found->second.fresh) out.push_back(found->second.fresh->note);
  return out;
}

std::vector<note::Note> Evidence::supporting_notes(const GrantId& id) const {
  std::vector<note::Note> out;
  const auto found = state_->grants.find(id);
  if (found == state_->grants.end()) return out;
  const auto& grant = found->second.grant;
  out = chain_notes();
  add(out, chain_notes(grant.site.id));
  if (const auto* device = node_note(grant.device)) out.push_back(*device);
  const auto* site = state_->usable(grant.site.id);
  const auto* rules = policy(grant.site.id);
  const auto* listed = rules == nullptr ? nullptr : rules->service(grant.service);
  for (const auto& [identity, held] : state_->services) {
    if (listed == nullptr || !state_->entitled(held, *listed, *site)) continue;
    add(out, agent_notes(identity));
    out.push_back(held.note);
  }
  out.push_back(found->second.note);
  return out;
}

std::vector<note::Note> Evidence::notes() const {
  auto out = chain_notes();
  for (const auto& [id, site] : state_->sites) {
    add(out, chain_notes(id));
    add(out, enrolled_notes(id));
  }
  for (const auto& [identity, held] : state_->nodes) out.push_back(held.note);
  for (const auto& [identity, held] : state_->services) out.push_back(held.note);
  for (const auto& [id, record] : state_->grants) {
    if (state_->floors.tombstones.count(id) == 0) out.push_back(record.note);
  }
  for (const auto& [id, note] : state_->revocations.all()) out.push_back(note);
  return out;
}

bool Evidence::locked() const { return state_->floors.locked; }
bool Evidence::clock_went_back(Now now) const { return state_->clock_went_back(now); }
const Floors& Evidence::floors() const { return state_->floors; }
std::uint64_t Evidence::floors_revision() const { return state_->revision; }

bool Evidence::forked() const {
  return (state_->vendor && state_->vendor->forked()) ||
         std::any_of(state_->sites.begin(), state_->sites.end(),
                     [](const auto& entry) { return entry.second.chain.forked(); });
}

}  // namespace culvert::trust
