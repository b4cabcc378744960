// Finds which known keys have signed a note.
#include <algorithm>

#include "proto/trust/register/roots.hpp"

namespace culvert::trust {
namespace {

std::vector<note::KnownKey> all_keys(const Root* vendor, const Root* site,
                                     std::span<const note::KnownKey> more) {
  std::vector<note::KnownKey> out(more.begin(), more.end());
  for (const auto* root : {vendor, site}) {
    if (root == nullptr) continue;
    const auto keys = root->known_keys();
    out.insert(out.end(), keys.begin(), keys.end());
  }
  return out;
}

}  // namespace

Result<std::vector<note::KnownKey>> Roots::signers(const note::Note& note, const Root* site,
                                                   std::span<const note::KnownKey> more) const {
  auto out = note::verify(note, all_keys(vendor(), site, more));
  if (!out) return out;
  std::erase_if(*out, [&](const note::KnownKey& known) { return suspended_.contains(known.key); });
  return out;
}

Result<std::vector<note::KnownKey>> Roots::one_sided_signers(
    const note::Note& note, const Root& site, std::span<const note::KnownKey> more) const {
  auto out = signers(note, &site, more);
  if (!out || vendor() == nullptr) return out;
  const auto doubled = doubled_keys(site, *vendor());
  std::erase_if(*out, [&](const note::KnownKey& signer) {
    return std::find(doubled.begin(), doubled.end(), signer.key) != doubled.end();
  });
  return out;
}

Result<note::Note> Roots::keep_known(const note::Note& note, const Root* site,
                                     std::span<const note::KnownKey> more) const {
  return note::keep_known(note, all_keys(vendor(), site, more));
}

note::Note Roots::stripped(const note::Note& note, const Root* site,
                           std::span<const note::KnownKey> more) const {
  auto kept = keep_known(note, site, more);
  return kept ? std::move(*kept) : note;
}

Result<bool> Roots::more_lines(note::Note& held, const note::Note& more, const Root* site,
                               std::span<const note::KnownKey> own) const {
  const auto known = all_keys(vendor(), site, own);
  const auto kept = note::keep_known(more, known);
  if (!kept) return fail_with(kept.error());
  const auto base = note::keep_known(held, known);
  if (!base) return fail_with(base.error());
  auto merged = note::merge(*base, *kept);
  if (merged) merged = note::keep_known(*merged, known);  // at most one line of each key
  if (!merged) return fail_with(merged.error());
  if (merged->signatures == base->signatures) return false;
  held = std::move(*merged);
  return true;
}

}  // namespace culvert::trust
