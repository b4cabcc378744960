// How the coordinator reads its ledger from the store.
#include <algorithm>

#include "coordinator/ledger/ledger.hpp"

namespace culvert::coordinator {
namespace {

using trust::Kind;

bool is_genesis(const std::string& text, trust::RootKind kind) {
  const auto root = trust::Root::parse(text);
  return root && root->epoch == 1 && root->kind == kind;
}

}  // namespace

// Starts the store's clock. A run has one clock; a second load() does not set it back.
Status Ledger::start_clock(Now now) {
  if (!clock_) {
    const auto text = store_.clock();
    if (!text) return fail_with(text.error());
    const auto stored =
        *text ? trust::parse_stored_clock(**text) : std::optional(trust::StoredClock{});
    if (!stored) return fail(ErrorCode::kInvalid, "the store holds a damaged clock");
    clock_.emplace(*stored, boot_);
  }
  clock_->advance(now);
  return {};
}

Status Ledger::load(Now now) {
  auto rows = store_.notes();
  if (!rows) return fail_with(rows.error());
  auto next_index = store_.next_index(std::string(kOwnSource));
  if (!next_index) return fail_with(next_index.error());
  if (auto started = start_clock(now); !started) return started;

  trust::Pins pins;
  pins.observer = true;  // only agents know whether a grant was used in time
  std::set<trust::SiteId> sites;
  struct Stored {
    note::Note note;
    WallTime arrived;
  };
  std::vector<Stored> stored;
  for (const auto& row : *rows) {
    auto note = note::parse(row.note);
    if (!note) return fail(ErrorCode::kInvalid, "the store holds a damaged statement");
    const auto id = note::hash(*note);
    if (is_genesis(note->text, trust::RootKind::kSite)) sites.insert(trust::to_site_id(id));
    if (!pins.vendor_genesis && is_genesis(note->text, trust::RootKind::kVendor)) {
      pins.vendor_genesis = id;
    }
    stored.push_back({*std::move(note), row.arrived});
  }

  // A revocation comes after the statement that it ends, whichever arrived first.
  std::stable_sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) {
    return rank_of(a.note.text) < rank_of(b.note.text);
  });
  std::vector<note::Note> notes;
  for (const auto& one : stored) notes.push_back(one.note);
  has_vendor_ = pins.vendor_genesis.has_value();
  sites_ = std::move(sites);
  evidence_ = trust::Evidence(pins, {});
  for (const auto& site : sites_) evidence_.pin_site(site);
  held_.clear();
  services_.clear();
  directory_.clear();
  shares_ = {};
  revoked_ = {};
  retention_ = {};
  further_.clear();
  batch_ = revoking_ = {};
  next_index_ = *next_index;
  // A note that no longer verifies stays in the store until it may be forgotten, since the wall
  // clock may be wrong.
  const auto offered = evidence_.recall(now, notes);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const auto kind = trust::kind_of(notes[i].text);
    if (kind && offered[i]) hold(*kind, notes[i], stored[i].arrived);
    if (kind) {
      retention_.keep(now, notes[i], *kind, *clock_);
    } else {
      const auto further = check_further(notes[i], evidence_);
      if (further) hold_further(*further, stored[i].arrived);
    }
  }
  return {};
}

}  // namespace culvert::coordinator
