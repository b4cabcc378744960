#include "coordinator/ledger/retention.hpp"

#include <algorithm>

#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fresh.hpp"
#include "proto/trust/statements/grant.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::coordinator {
namespace {

using trust::Kind;

constexpr WallTime kNever = trust::kNeverOver;

}  // namespace

WallTime end_of(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::kGrant:
      if (const auto grant = trust::Grant::parse(text)) return grant->not_after;
      break;
    case Kind::kNode:
      if (const auto node = trust::Node::parse(text)) return node->expires;
      break;
    case Kind::kService:
      if (const auto service = trust::Service::parse(text)) return service->expires;
      break;
    case Kind::kRevocation:
      if (const auto revocation = trust::Revocation::parse(text))
        return trust::matters_until(*revocation);
      break;
    case Kind::kEnrolment:
      // The statements of agents that the enrolment added rest on the enrolment until they expire.
      if (const auto e = trust::Enrolment::parse(text)) {
        return e->renew_until + trust::kMaxAgentLife;
      }
      break;
    case Kind::kEnrolled:
      if (const auto e = trust::Enrolled::parse(text)) {
        return e->issued + trust::kMaxRenewal + trust::kMaxAgentLife;
      }
      break;
    case Kind::kFresh:
      if (const auto fresh = trust::Fresh::parse(text)) return fresh->issued + trust::kMaxFresh;
      break;
    case Kind::kRoot:
    case Kind::kSite:
    case Kind::kPolicy:
    case Kind::kLease:
    case Kind::kTicket:
    case Kind::kPlaces:
    case Kind::kState:
      break;
  }
  return kNever;
}

std::vector<Retention::Subject> Retention::subjects_of(const note::Note& note, Kind kind) {
  std::array<std::uint8_t, 32> bytes{};
  if (kind == Kind::kGrant) {
    const auto grant = trust::Grant::parse(note.text);
    if (!grant) return {};
    std::copy(grant->id.bytes.begin(), grant->id.bytes.end(), bytes.begin());
    return {{trust::Revokes::kGrant, bytes}};
  }
  if (kind == Kind::kNode) {
    const auto node = trust::Node::parse(note.text);
    if (!node) return {};
    const bool agent = node->kind == trust::NodeKind::kAgent;
    return {{agent ? trust::Revokes::kNode : trust::Revokes::kDevice, node->identity.bytes}};
  }
  if (kind == Kind::kEnrolment) return {{trust::Revokes::kEnrolment, note::hash(note).bytes}};
  if (kind == Kind::kEnrolled) {
    const auto enrolled = trust::Enrolled::parse(note.text);
    if (!enrolled) return {};
    return {{trust::Revokes::kNode, enrolled->identity.bytes},
            {trust::Revokes::kEnrolment, enrolled->enrolment.bytes}};
  }
  return {};
}

void Retention::keep(Now now, const note::Note& note, Kind kind, const trust::StoreClock& clock) {
  const auto id = note::hash(note);
  forget(id);
  auto& row = rows_[id];
  row.is = subjects_of(note, kind);
  for (const auto& subject : row.is) ++stored_[subject];
  const auto end = end_of(kind, note.text);
  if (kind == Kind::kRevocation) {
    const auto revocation = trust::Revocation::parse(note.text);
    if (!revocation || end == kNever) return;
    row.ends = Subject{revocation->what, trust::revoked_id(*revocation).subject};
    row.at_age = clock.forget_at(now, end, kKeepRevocation);
    by_age_.emplace(*row.at_age, id);
  } else if (end != kNever) {
    row.at_time = end + kKeepEnded;
    by_time_.emplace(*row.at_time, id);
  }
}

void Retention::forget(const crypto::Hash& id) {
  const auto found = rows_.find(id);
  if (found == rows_.end()) return;
  const auto& row = found->second;
  for (const auto& subject : row.is) {
    const auto stored = stored_.find(subject);
    if (--stored->second == 0) stored_.erase(stored);
  }
  if (row.at_age) by_age_.erase({*row.at_age, id});
  if (row.at_time) by_time_.erase({*row.at_time, id});
  rows_.erase(found);
}

std::vector<crypto::Hash> Retention::due(Now now, const trust::StoreClock& clock) {
  std::vector<crypto::Hash> out;
  for (auto next = by_time_.begin(); next != by_time_.end() && next->first < now.wall; ++next) {
    out.push_back(next->second);
  }
  const auto age = clock.stored().age;
  while (!by_age_.empty() && by_age_.begin()->first <= age) {
    const auto id = by_age_.begin()->second;
    auto& row = rows_.at(id);
    if (!stored_.contains(*row.ends)) out.push_back(id);
    by_age_.erase(by_age_.begin());
    row.at_age = trust::StoreAge{age.seconds + static_cast<std::uint64_t>(kLookAgain.count())};
    by_age_.emplace(*row.at_age, id);
  }
  return out;
}

}  // namespace culvert::coordinator
