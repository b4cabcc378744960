#include "coordinator/core/operator.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/ledger/ledger.hpp"
#include "proto/trust/register/chain.hpp"
#include "proto/trust/register/expiry.hpp"

namespace culvert::coordinator {
namespace {

struct Genesis {
  trust::Root root;
  crypto::Hash hash;
};

std::optional<Genesis> genesis_of(const note::Note& note, trust::RootKind kind) {
  auto root = trust::Root::parse(note.text);
  if (!root || root->kind != kind || root->epoch != 1) return std::nullopt;
  return Genesis{*std::move(root), note::hash(note)};
}

std::optional<Genesis> genesis_in(const std::vector<note::Note>& notes, trust::RootKind kind) {
  for (const auto& note : notes) {
    if (auto found = genesis_of(note, kind)) return found;
  }
  return std::nullopt;
}

Result<std::vector<note::Note>> stored_notes(Store& store) {
  auto rows = store.notes();
  if (!rows) return fail_with(rows.error());
  std::vector<note::Note> out;
  for (const auto& row : *rows) {
    auto note = note::parse(row.note);
    if (!note) return fail(ErrorCode::kInvalid, "the store holds a damaged statement");
    out.push_back(*std::move(note));
  }
  return out;
}

// Verifies `added` on top of the stored notes and commits it. Error: a note does not verify.
Status verify_and_commit(Now now, Store& store, const std::vector<note::Note>& stored,
                         const std::vector<note::Note>& added) {
  auto all = stored;
  all.insert(all.end(), added.begin(), added.end());
  trust::Pins pins;
  pins.observer = true;
  if (const auto vendor = genesis_in(all, trust::RootKind::kVendor)) {
    pins.vendor_genesis = vendor->hash;
  }
  trust::Evidence evidence(pins, {});
  for (const auto& note : all) {
    const auto site = genesis_of(note, trust::RootKind::kSite);
    if (site) evidence.pin_site(trust::to_site_id(site->hash));
  }
  const auto offered = evidence.offer_all(now, all);
  Batch batch;
  for (std::size_t i = stored.size(); i < all.size(); ++i) {
    const auto first_line = all[i].text.substr(0, all[i].text.find('\n'));
    if (!offered[i]) {
      auto error = offered[i].error();
      // An expired enrolment in a bundle is harmless.
      if (error.code == ErrorCode::kStale) continue;
      error.message = first_line + ": " + error.message;
      return fail_with(error);
    }
    batch.put.push_back({note::hash(all[i]), note::render(all[i]), now.wall});
  }
  return store.commit(batch);
}

}  // namespace

Result<std::string> add_vendor(Now now, Store& store, std::string_view bundle) {
  const auto added = note::parse_bundle(bundle);
  if (!added) return fail_with(added.error());
  const auto genesis = genesis_in(*added, trust::RootKind::kVendor);
  if (!genesis) return fail(ErrorCode::kInvalid, "the bundle holds no vendor root of epoch 1");
  const auto stored = stored_notes(store);
  if (!stored) return fail_with(stored.error());
  const auto known = genesis_in(*stored, trust::RootKind::kVendor);
  if (known && known->hash != genesis->hash) {
    return fail(ErrorCode::kConflict, "this coordinator serves the vendor " +
                                          known->root.name.str() +
                                          " already; another vendor needs its own coordinator");
  }
  std::vector<note::Note> roots;  // and the list of addresses
  for (const auto& note : *added) {
    const auto kind = trust::kind_of(note.text);
    if (kind == trust::Kind::kRoot || kind == trust::Kind::kPlaces) roots.push_back(note);
  }
  if (auto done = verify_and_commit(now, store, *stored, roots); !done) {
    return fail_with(done.error());
  }
  return genesis->root.name.str();
}

Result<std::string> add_site(Now now, Store& store, std::string_view bundle) {
  const auto added = note::parse_bundle(bundle);
  if (!added) return fail_with(added.error());
  const auto stored = stored_notes(store);
  if (!stored) return fail_with(stored.error());
  const auto vendor = genesis_in(*stored, trust::RootKind::kVendor);
  if (!vendor) {
    return fail(ErrorCode::kNotFound,
                "no vendor yet: culvert-coordinator vendor add VENDOR-BUNDLE comes first");
  }
  const auto genesis = genesis_in(*added, trust::RootKind::kSite);
  if (!genesis) return fail(ErrorCode::kInvalid, "the bundle holds no site root of epoch 1");
  if (genesis->root.vendor_id != trust::to_vendor_id(vendor->hash)) {
    return fail(ErrorCode::kConflict,
                "the site's root names another vendor than " + vendor->root.name.str());
  }
  for (const auto& note : *stored) {
    const auto other = genesis_of(note, trust::RootKind::kSite);
    if (other && other->root.name == genesis->root.name && other->hash != genesis->hash) {
      return fail(ErrorCode::kConflict, "another site has the name " + genesis->root.name.str());
    }
  }
  std::vector<note::Note> site;  // without the vendor's chain, which a bundle may repeat
  for (const auto& note : *added) {
    const auto root = trust::Root::parse(note.text);
    const bool vendors = (root && root->kind == trust::RootKind::kVendor) ||
                         trust::kind_of(note.text) == trust::Kind::kPlaces;
    if (!vendors) site.push_back(note);
  }
  if (auto done = verify_and_commit(now, store, *stored, site); !done) {
    return fail_with(done.error());
  }
  return genesis->root.name.str();
}

namespace {

void check_keys(const trust::Evidence& evidence, const OwnKeys& keys,
                std::vector<std::string>& out) {
  const auto& vendor = *evidence.vendor_root();
  const auto missing = [&](std::string_view what) {
    out.push_back(
        "the vendor root does not list this coordinator's " + std::string(what) +
        " key: give coordinator.pub to culvert vendor collect, then vendor add the new root");
  };
  if (vendor.find(keys.lease, trust::Group::kLease) == nullptr) missing("lease");
  if (vendor.find(keys.ticket, trust::Group::kTicket) == nullptr) missing("ticket");
  const auto* places = evidence.places();
  const bool listed = places != nullptr &&
                      std::any_of(places->coordinators.begin(), places->coordinators.end(),
                                  [&](const auto& entry) { return entry.key == keys.control; });
  if (!listed) {
    out.emplace_back(
        "the vendor's list of addresses does not name this coordinator: give coordinator.pub to "
        "culvert vendor collect, then vendor add the new file");
  }
}

}  // namespace

Result<Summary> summarize(Now now, Store& store, const OwnKeys& keys) {
  Ledger ledger(store);
  if (auto loaded = ledger.load(now); !loaded) return fail_with(loaded.error());
  const auto& evidence = ledger.evidence();
  Summary out;
  out.statements = ledger.size();
  const auto* vendor = evidence.vendor_root();
  if (vendor == nullptr) {
    out.warnings.emplace_back("no vendor: culvert-coordinator vendor add VENDOR-BUNDLE");
    return out;
  }
  out.vendor = vendor->name.str();
  out.vendor_id = trust::to_hash(evidence.vendor_id());
  out.vendor_epoch = vendor->epoch;
  check_keys(evidence, keys, out.warnings);
  const auto nodes = evidence.nodes(now);
  for (const auto& node : nodes) {
    if (node.kind == trust::NodeKind::kDevice) ++out.devices;
  }
  for (const auto& ref : evidence.sites()) {
    ServedSite site{ref, 0, 0, 0, false};
    if (const auto* root = evidence.site_root(ref.id)) site.root_epoch = root->epoch;
    if (const auto* policy = evidence.policy(ref.id)) site.policy_serial = policy->serial;
    for (const auto& node : nodes) {
      if (node.kind == trust::NodeKind::kAgent && node.site == ref) ++site.agents;
    }
    for (const auto& note : evidence.chain_notes(ref.id)) {
      if (trust::kind_of(note.text) == trust::Kind::kSite) site.in_directory = true;
    }
    if (!site.in_directory) {
      out.warnings.push_back("the vendor's site statement for " + ref.name.str() +
                             " is missing: culvert-coordinator site add with that file as well");
    }
    out.sites.push_back(site);
  }
  std::vector<trust::SiteId> sites;
  for (const auto& site : out.sites) sites.push_back(site.site.id);
  for (const auto& end : trust::expiries(evidence.who(), sites)) {
    if (trust::due_warning(end, now.wall)) out.warnings.push_back(trust::describe(end, now.wall));
  }
  if (out.sites.empty()) out.warnings.emplace_back("no site: culvert-coordinator site add BUNDLE");
  return out;
}

}  // namespace culvert::coordinator
