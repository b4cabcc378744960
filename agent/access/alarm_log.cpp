#include "agent/access/alarm_log.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kAlarmEvery = 225s;  // of one kind at one site, after trust::kMaxAlarms

}  // namespace

// A laptop records contradictions alone: the nodes of a site are the site's own affair.
bool AlarmLog::concerns_this_node(const trust::Alarm& alarm) const {
  const bool own = alarm.kind == trust::AlarmKind::kNewNode && alarm.identity == basis_.self();
  return !own && (basis_.is_site() || alarm.kind == trust::AlarmKind::kConflict);
}

void AlarmLog::write(Now now) {
  if (basis_.evidence.alarms_raised() == written_) return;
  for (const trust::Alarm& alarm : basis_.evidence.alarms()) {
    if (alarm.number <= written_ || !concerns_this_node(alarm)) continue;
    const auto rate =
        rates_.try_emplace({alarm.site, alarm.kind}, kAlarmEvery, trust::kMaxAlarms).first;
    if (alarm.kind != trust::AlarmKind::kNewNode && !rate->second.take(now.steady)) continue;
    audit::Entry entry;
    entry.kind = audit::Kind::kAlarm;
    if (!alarm.identity.is_zero()) entry.device = crypto::format_ed25519(alarm.identity);
    entry.detail = alarm.what;
    basis_.journal.ending(now, std::move(entry));
    basis_.log(LogLevel::kError, "alarm", alarm.what);
  }
  written_ = basis_.evidence.alarms_raised();
}

}  // namespace culvert::agent
