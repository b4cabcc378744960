#include "agent/cli/people/root_folder.hpp"

#include <algorithm>

#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {

namespace fs = std::filesystem;
using trust::RootKind;

namespace {

const char* bundle_of(RootKind kind) {
  return kind == RootKind::kSite ? kSiteBundle : kVendorBundle;
}

// The hash of the first root of that kind in the bundle.
Result<crypto::Hash> first_root(const std::vector<note::Note>& notes, RootKind kind) {
  for (const auto& note : notes) {
    const auto root = trust::Root::parse(note.text);
    if (root && root->kind == kind && root->epoch == 1) return note::hash(note);
  }
  return fail(ErrorCode::kUnverified, "the bundle lacks the first root");
}

}  // namespace

RootFolder::RootFolder(fs::path path, RootKind kind, crypto::Hash pin, trust::Evidence evidence)
    : path_(std::move(path)), kind_(kind), pin_(pin), evidence_(std::move(evidence)) {}

RootKind RootFolder::kind_of(const fs::path& path) {
  return fs::exists(path / kSiteBundle) ? RootKind::kSite : RootKind::kVendor;
}

Result<RootFolder> RootFolder::open(const fs::path& path, RootKind kind, const KeyFile* key,
                                    Now now) {
  const auto bundle = path / bundle_of(kind);
  if (!fs::exists(bundle)) {
    return fail(ErrorCode::kNotFound, "no " + bundle.string() + "; name the " +
                                          (kind == RootKind::kSite ? "site's" : "vendor's") +
                                          " folder with --dir");
  }
  const auto notes = read_bundle(bundle);
  if (!notes) return fail_with(notes.error());
  auto pin = first_root(*notes, kind);
  if (!pin) return fail(pin.error().code, bundle.string() + ": " + pin.error().message);
  if (key != nullptr && (key->root != kind || key->pin != *pin)) {
    return fail(ErrorCode::kDenied, "the key belongs to another root than " + bundle.string() +
                                        "; name the key's own folder with --dir");
  }
  trust::Pins pins;
  (kind == RootKind::kSite ? pins.site_root : pins.vendor_genesis) = *pin;
  auto evidence = read_evidence(path, pins, now);
  if (!evidence) return fail_with(evidence.error());
  RootFolder out(path, kind, *pin, std::move(*evidence));
  if (auto read = out.read_newest(); !read) return fail_with(read.error());
  return out;
}

trust::VendorId RootFolder::vendor_id() const {
  return kind_ == RootKind::kSite ? root_.vendor_id : trust::to_vendor_id(pin_);
}

bool RootFolder::policy_vouched() const {
  return evidence_.policy(trust::to_site_id(pin_)) != nullptr;
}

Status RootFolder::read_newest() {
  const auto* root = kind_ == RootKind::kSite ? evidence_.site_root(trust::to_site_id(pin_))
                                              : evidence_.vendor_root();
  const auto notes = read_bundle(path_ / bundle_of(kind_));
  if (!notes) return fail_with(notes.error());
  if (root == nullptr) {
    return fail(ErrorCode::kUnverified, (path_ / bundle_of(kind_)).string() +
                                            " holds no root that verifies; restore it from a copy");
  }
  root_ = *root;
  for (const auto& note : *notes) {
    if (note.text == root_.render()) root_note_ = note;
    auto policy = trust::Policy::parse(note.text);
    if (kind_ == RootKind::kSite && policy && policy->site == site() &&
        (!policy_ || policy->serial > policy_->serial)) {
      policy_ = std::move(*policy);
      policy_note_ = note;
    }
  }
  const auto bundle = path_ / kRevocationsBundle;
  if (!fs::exists(bundle)) return {};
  const auto revocations = read_bundle(bundle);
  if (!revocations) return fail_with(revocations.error());
  for (const auto& note : *revocations) {
    const auto revocation = trust::Revocation::parse(note.text);
    if (revocation && revocation->what == trust::Revokes::kKey) suspended_.insert(revocation->key);
  }
  return {};
}

Status RootFolder::take(Now now, const note::Note& note) {
  const auto kind = trust::kind_of(note.text);
  if (kind != trust::Kind::kRoot && kind != trust::Kind::kPolicy && kind != trust::Kind::kPlaces &&
      kind != trust::Kind::kRevocation) {
    return fail(ErrorCode::kInvalid,
                "a folder keeps roots, policies, lists of addresses and revocations, no " +
                    std::string(note.text.substr(0, note.text.find('\n'))));
  }
  const auto changed = evidence_.offer(now, note);
  if (!changed) return fail_with(changed.error());
  if (auto kept = keep(note); !kept) return kept;
  return read_newest();
}

Status RootFolder::keep(const note::Note& note) {
  const auto kind = trust::kind_of(note.text);
  const bool revocation = kind == trust::Kind::kRevocation;
  auto bundle = path_ / (revocation ? kRevocationsBundle : kSiteBundle);
  if (const auto root = trust::Root::parse(note.text); root) bundle = path_ / bundle_of(root->kind);
  if (kind == trust::Kind::kPlaces) bundle = path_ / kVendorBundle;
  std::vector<note::Note> notes;
  if (fs::exists(bundle)) {
    auto held = read_bundle(bundle);
    if (!held) return fail_with(held.error());
    notes = std::move(*held);
  }
  // A note replaces the same text with fewer signatures. Of policies and of lists of addresses only
  // the newest stays. Roots come first, in the order of their epochs.
  const auto same = std::find_if(notes.begin(), notes.end(),
                                 [&](const note::Note& held) { return held.text == note.text; });
  if (same != notes.end()) {
    *same = note;
    return write_bundle(bundle, notes);
  }
  if (kind == trust::Kind::kPolicy || kind == trust::Kind::kPlaces) {
    std::erase_if(notes, [&](const note::Note& held) { return trust::kind_of(held.text) == kind; });
  }
  auto at = notes.end();
  if (kind == trust::Kind::kRoot) {
    at = std::find_if(notes.begin(), notes.end(), [](const note::Note& held) {
      return trust::kind_of(held.text) != trust::Kind::kRoot;
    });
  }
  notes.insert(at, note);
  if (notes.size() > note::kMaxBundleNotes) {
    // Beyond the limit, the oldest revocation goes, since it was handed in long ago. Suspensions
    // stay.
    const auto spare = std::find_if(notes.begin(), notes.end(), [](const note::Note& held) {
      const auto old = trust::Revocation::parse(held.text);
      return old && old->what != trust::Revokes::kKey;
    });
    if (spare == notes.end()) {
      return fail(ErrorCode::kExhausted, bundle.string() + " has " +
                                             std::to_string(note::kMaxBundleNotes) +
                                             " statements, the most that a bundle can hold");
    }
    notes.erase(spare);
  }
  return write_bundle(bundle, notes);
}

}  // namespace culvert::cli
