// Roots, the vendor's directory and its list of addresses, as they arrive.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {

RootChain* Evidence::State::chain_of(const Hash& genesis) {
  if (vendor && vendor->pin() == genesis) return &*vendor;
  const auto site = sites.find(to_site_id(genesis));
  return site == sites.end() ? nullptr : &site->second.chain;
}

void Evidence::State::keep_floor(const RootChain& chain) {
  if (chain.floor().epoch == 0) return;
  if (vendor && vendor->pin() == chain.pin()) {
    floors.vendors[to_vendor_id(chain.pin())] = chain.floor();
    return;
  }
  auto& floor = floors.sites[to_site_id(chain.pin())];
  if (chain.current() != nullptr) floor.name = chain.current()->name;
  floor.root = chain.floor();
}

Result<Change> Evidence::State::offer_root(const note::Note& note) {
  const auto root = Root::parse(note.text);
  if (!root) return fail_with(root.error());
  const auto hash = note::hash(note);
  const auto genesis = root->genesis_hash(hash);
  Change change{ChangeKind::kVendorRoot, hash, {}, {}, {}};
  if (root->kind == RootKind::kVendor) {
    if (!vendor || vendor->pin() != genesis) return unverified("root: of a vendor not known here");
  } else {
    const auto id = to_site_id(genesis);
    const auto found = sites.find(id);
    const bool wanted = pins.site_root == genesis ||
                        (found != sites.end() && (found->second.pinned || found->second.entry));
    if (!wanted) return unverified("root: of a site that nobody known here vouches for");
    site_record(id);
    change.kind = ChangeKind::kSiteRoot;
    change.site = id;
  }
  auto& chain = *chain_of(genesis);
  const auto before = chain.floor();
  const auto moved = chain.offer(note, suspensions(genesis));
  if (chain.floor() != before) ++revision;
  keep_floor(chain);
  if (!moved) return fail_with(moved.error());
  if (*moved == ChainMove::kNone) change.kind = ChangeKind::kNone;
  if (*moved != ChainMove::kEpoch) return change;
  settle_suspensions(chain);
  adopt_vendor();
  revouch(change.site);
  return change;
}

Result<Change> Evidence::State::offer_site(const note::Note& note) {
  auto site = Site::parse(note.text);
  if (!site) return fail_with(site.error());
  const auto hash = note::hash(note);
  const auto id = site->site.id;
  const auto held = sites.find(id);
  if (held != sites.end() && held->second.entry && held->second.entry->note.text == note.text) {
    const auto more = more_lines(held->second.entry->note, note, nullptr);
    if (!more) return fail_with(more.error());
    if (*more) revouch(id);
    return Change{*more ? ChangeKind::kSite : ChangeKind::kNone, hash, id, {}, {}};
  }
  if (auto status = vouch(*site, note); !status) return fail_with(status.error());
  // One name is one site for ever, also across restarts: the first binding that was verified
  // stands.
  for (const auto& [known, floor] : floors.sites) {
    if (floor.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict, "site: " + floor.name.str() + " is another site already");
    }
  }
  for (const auto& [known, record] : sites) {
    if (record.entry && record.entry->statement.site.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict,
                  "site: " + site->site.name.str() + " is another site already");
    }
  }
  if (sites.size() >= kMaxSites && held == sites.end()) {
    return fail(ErrorCode::kExhausted, "site: too many sites");
  }
  auto& record = site_record(id);
  const auto* root = record.chain.current();
  if (root != nullptr && root->name != site->site.name) {
    return fail(ErrorCode::kConflict, "site: its own root has another name");
  }
  record.entry = Held<Site>{std::move(*site), stripped(note, nullptr), true};
  revouch(id);
  return Change{ChangeKind::kSite, hash, id, {}, {}};
}

Result<Change> Evidence::State::offer_places(const note::Note& note) {
  auto list = Places::parse(note.text);
  if (!list) return fail_with(list.error());
  const auto hash = note::hash(note);
  if (places && places->note.text == note.text) {
    const auto more = more_lines(places->note, note, nullptr);
    if (!more) return fail_with(more.error());
    places->vouched = vouch(places->statement, places->note).has_value();
    return Change{*more ? ChangeKind::kPlaces : ChangeKind::kNone, hash, {}, {}, {}};
  }
  if (auto status = vouch(*list, note); !status) return fail_with(status.error());
  auto& floor = floors.places[list->vendor_id];
  if (list->serial < floor.number) {
    return fail(ErrorCode::kStale, "places: serial " + std::to_string(list->serial) +
                                       " is older than " + std::to_string(floor.number));
  }
  if (list->serial == floor.number && hash != floor.hash) {
    return fail(ErrorCode::kConflict,
                "places: serial " + std::to_string(list->serial) + " has two texts");
  }
  floor = {list->serial, hash};
  ++revision;
  places = Held<Places>{std::move(*list), stripped(note, nullptr), true};
  return Change{ChangeKind::kPlaces, hash, {}, {}, {}};
}

Status Evidence::State::choose_fork(const Hash& text) {
  const auto choose = [&](RootChain& chain) {
    if (!chain.choose(text)) return false;
    keep_floor(chain);
    settle_suspensions(chain);
    ++revision;
    revouch({});
    return true;
  };
  const auto forked_text = [&](const RootChain& chain) {
    return chain.floor().hash == text ? chain.forked() : !chain.rivals().empty();
  };
  if (vendor && forked_text(*vendor) && choose(*vendor)) return {};
  for (auto& [id, site] : sites) {
    if (forked_text(site.chain) && choose(site.chain)) return {};
  }
  return fail(ErrorCode::kNotFound,
              "root: no root known here has that text among two of its newest epoch");
}

}  // namespace culvert::trust
