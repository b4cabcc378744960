#include "proto/trust/register/revocation_log.hpp"

#include <algorithm>
#include <array>

#include "proto/crypto/hash.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::trust {
namespace {

// Notes that are over or replaced stay in the log until they outnumber the current notes by this.
constexpr std::size_t kMaxOver = 256;

struct ToTell {
  WallTime issued;
  note::Note note;
};

std::vector<ToTell> all_to_tell(const Register& who, const SiteId& site) {
  std::set<GrantId> waived;
  if (const auto* policy = who.policy(site)) {
    for (const auto& line : policy->standings) {
      if (!line.lease_required) waived.insert(standing_id(site, line));
    }
  }
  std::vector<ToTell> out;
  for (auto& note : who.revocations().notes().of(site)) {
    const auto revocation = Revocation::parse(note.text);
    if (!revocation) continue;
    if (revocation->what == Revokes::kGrant && !waived.contains(revocation->grant)) continue;
    out.push_back({revocation->issued, std::move(note)});
  }
  return out;
}

}  // namespace

DocumentMark RevocationLog::next(const DocumentMark& told, const note::Note& note) {
  return {told.number + 1, crypto::sha256({told.hash.view(), note::hash(note).view()})};
}

void RevocationLog::update(const Register& who, const SiteId& site) {
  auto all = all_to_tell(who, site);
  if (notes_.size() > 2 * all.size() + kMaxOver) {
    notes_.clear();
    digests_.clear();
    known_.clear();
  }
  std::erase_if(all, [&](const ToTell& one) { return known_.contains(note::hash(one.note)); });
  std::stable_sort(all.begin(), all.end(),
                   [](const ToTell& a, const ToTell& b) { return b.issued < a.issued; });
  for (auto& one : all) {
    const DocumentMark before{notes_.size(), digests_.empty() ? Hash{} : digests_.back()};
    digests_.push_back(next(before, one.note).hash);
    known_.insert(note::hash(one.note));
    notes_.push_back(std::move(one.note));
  }
}

std::optional<std::span<const note::Note>> RevocationLog::after(const DocumentMark& told) const {
  if (told.number > notes_.size()) return std::nullopt;
  const auto held = told.number == 0 ? Hash{} : digests_[told.number - 1];
  if (held != told.hash) return std::nullopt;
  return std::span(notes_).subspan(told.number);
}

}  // namespace culvert::trust
