#include "coordinator/core/audit.hpp"

#include <algorithm>

namespace culvert::coordinator {
namespace {

tl::unexpected<Error> not_its_own(const char* what) {
  return fail(ErrorCode::kInvalid, std::string("an audit line speaks of ") + what);
}

bool is_below(std::string_view name, std::string_view site) {
  return name.size() > site.size() + 1 && name.ends_with(site) &&
         name[name.size() - site.size() - 1] == '.';
}

Status may_agent_report(const trust::Node& node, const audit::Entry& entry,
                        const trust::Grant* grant) {
  const auto site = node.site.name.str();
  if (!entry.site.empty() && entry.site != site) return not_its_own("another site");
  if (!entry.service.empty() && !is_below(entry.service, site)) {
    return not_its_own("a service of another site");
  }
  if (grant != nullptr && grant->site.id != node.site.id) {
    return not_its_own("a grant of another site");
  }
  const bool may_act = entry.who.empty() || entry.who == node.name.str() ||
                       trust::Person::parse(entry.who).has_value();
  return may_act ? Status{} : not_its_own("another node");
}

Status may_device_report(const trust::Node& node, const audit::Entry& entry,
                         const trust::Grant* grant) {
  const bool own =
      entry.who.empty() || entry.who == node.name.str() || entry.who == node.person.str();
  if (!own) return not_its_own("another person or node");
  if (!entry.device.empty() && entry.device != crypto::format_ed25519(node.identity)) {
    return not_its_own("another device");
  }
  const bool others = grant != nullptr && grant->device != node.identity;
  return others ? not_its_own("a grant of another device") : Status{};
}

// Bytes of one token.
constexpr std::size_t kToken = 1U << 10U;
RateLimit bucket(std::size_t rate, std::size_t burst) {
  return {std::chrono::duration_cast<Duration>(1s) / static_cast<std::int64_t>(rate / kToken),
          static_cast<std::int64_t>(burst / kToken)};
}

// Forgets buckets that are full again: a new bucket starts full, too.
template <class Key>
RateLimit& bucket_of(std::map<Key, RateLimit>& buckets, const Key& key, Instant now,
                     const RateLimit& fresh) {
  if (buckets.size() >= kMaxAuditSources && !buckets.contains(key)) {
    std::erase_if(buckets, [&](const auto& each) { return each.second.is_full(now); });
    if (buckets.size() >= kMaxAuditSources) buckets.erase(buckets.begin());
  }
  return buckets.try_emplace(key, fresh).first->second;
}

}  // namespace

Status may_report(const trust::Node& node, const audit::Entry& entry,
                  const trust::Evidence& evidence) {
  if (!audit::is_utf8(entry)) return fail(ErrorCode::kInvalid, "an audit line is not UTF-8");
  if (entry.kind == audit::Kind::kApproval || entry.kind == audit::Kind::kRevocation) {
    return not_its_own("a kind that only the coordinator reports");
  }
  const auto id = trust::GrantId::parse(entry.grant);
  const auto* grant = id ? evidence.grant(*id) : nullptr;
  return node.kind == trust::NodeKind::kAgent ? may_agent_report(node, entry, grant)
                                              : may_device_report(node, entry, grant);
}

Status AuditQuota::take(Instant now, const trust::Node& node, std::size_t bytes) {
  const auto tokens = static_cast<std::int64_t>((bytes + kToken - 1) / kToken);
  const auto own = bucket(kAuditRate, kAuditBurst);
  const bool device = node.kind == trust::NodeKind::kDevice;
  const auto shared = device ? bucket(kVendorAuditRate, kVendorAuditBurst)
                             : bucket(kSiteAuditRate, kSiteAuditBurst);
  const auto cost = [&](const RateLimit& limit, std::size_t burst) {
    return limit.room() / static_cast<std::int64_t>(burst / kToken) * tokens;
  };
  auto& mine = bucket_of(nodes_, node.identity, now, own);
  if (!mine.take(now, cost(own, kAuditBurst))) {
    return fail(ErrorCode::kExhausted, "this node hands in too much audit; later again");
  }
  auto& all = bucket_of(sites_, device ? std::string() : node.site.name.str(), now, shared);
  if (!all.take(now, cost(shared, device ? kVendorAuditBurst : kSiteAuditBurst))) {
    return fail(ErrorCode::kExhausted, "this site hands in too much audit; later again");
  }
  return {};
}

}  // namespace culvert::coordinator
