#include "agent/access/openings.hpp"

#include <algorithm>

namespace culvert::agent {
namespace {

Duration interval(std::int64_t rate) { return std::chrono::duration_cast<Duration>(1s) / rate; }

}  // namespace

bool Openings::in_time(Now now, const std::string& device) {
  if (rates_.size() >= kMaxRemembered && !rates_.contains(device)) {
    std::erase_if(rates_, [&](const auto& each) { return each.second.is_full(now.steady); });
    if (rates_.size() >= kMaxRemembered) rates_.erase(rates_.begin());
  }
  return rates_.try_emplace(device, interval(kRate), kBurst).first->second.take(now.steady);
}

Openings::Window* Openings::window_of(Now now, const audit::Entry& entry) {
  const Key key{entry.device, entry.grant, entry.service};
  if (windows_.size() >= kMaxRemembered && !windows_.contains(key)) {
    forget(now);
    if (windows_.size() >= kMaxRemembered) return nullptr;
  }
  auto& window = windows_[key];
  if (window.end <= now.steady) {
    tell(now, window);
    window = {};
    window.about = entry;
    window.end = now.steady + kWindow;
    next_ = std::min(next_, window.end);
  }
  return &window;
}

Result<Openings::Opened> Openings::open(Now now, audit::Entry opening) {
  if (!in_time(now, opening.device)) {
    return fail(ErrorCode::kExhausted, "too many new connections: at most " +
                                           std::to_string(kRate) +
                                           " a second of one device (wait a moment)");
  }
  auto* window = window_of(now, opening);
  if (window != nullptr && window->room > 0 && journal_.writable()) {
    --window->room;
    if (window->opened++ == 0) window->first = now.wall;
    window->last = now.wall;
    return Opened{window->announcement, ++window->members};
  }
  const bool announces = window != nullptr && window->listed >= kListed;
  if (announces) {
    opening.outcome = "group";
    opening.detail =
        "up to " + std::to_string(kGroup) + " further connections until " +
        format_time(now.wall + std::chrono::ceil<std::chrono::seconds>(window->end - now.steady)) +
        " are counted, not listed";
  }
  if (auto written = journal_.opening(now, std::move(opening)); !written) {
    return fail_with(written.error());
  }
  if (window != nullptr) ++window->listed;
  if (announces) {
    window->room = kGroup;
    window->announcement = journal_.newest();
  }
  return Opened{journal_.newest(), 0};
}

void Openings::close(Now now, audit::Entry closing, std::uint64_t member) {
  auto* window = member == 0 ? nullptr : window_of(now, closing);
  if (window == nullptr) return journal_.ending(now, std::move(closing));
  ++window->closed;
  window->bytes_in += closing.bytes_in;
  window->bytes_out += closing.bytes_out;
}

void Openings::denied(Now now, const IpAddress& peer, audit::Entry entry) {
  if (refusals_.size() >= kMaxRemembered && !refusals_.contains(peer)) {
    std::erase_if(refusals_,
                  [&](const auto& each) { return each.second.rate.is_full(now.steady); });
    if (refusals_.size() >= kMaxRemembered) refusals_.erase(refusals_.begin());
  }
  const Refusals fresh{RateLimit(1s, kDeniedBurst), 0};
  auto& refusals = refusals_.try_emplace(peer, fresh).first->second;
  if (!refusals.rate.take(now.steady)) {
    ++refusals.untold;
    return;
  }
  entry.count = std::exchange(refusals.untold, 0);
  journal_.ending(now, std::move(entry));
}

void Openings::tell(Now now, Window& window) {
  if (!window.untold()) return;
  audit::Entry entry;
  entry.kind = audit::Kind::kFlowGroup;
  entry.who = window.about.who;
  entry.device = window.about.device;
  entry.site = window.about.site;
  entry.grant = window.about.grant;
  entry.service = window.about.service;
  entry.count = window.opened;
  entry.detail = std::to_string(window.closed) + " ended";
  if (window.opened > 0) {
    entry.detail += ", opened from " + format_time(window.first) + " to " +
                    format_time(window.last) + " under entry " +
                    std::to_string(window.announcement);
  }
  entry.bytes_in = window.bytes_in;
  entry.bytes_out = window.bytes_out;
  window.opened = window.closed = window.bytes_in = window.bytes_out = 0;
  journal_.ending(now, std::move(entry));
}

void Openings::forget(Now now) {
  next_ = Instant::never();
  for (auto each = windows_.begin(); each != windows_.end();) {
    if (each->second.end <= now.steady) {
      tell(now, each->second);
      each = windows_.erase(each);
    } else {
      next_ = std::min(next_, each->second.end);
      ++each;
    }
  }
}

void Openings::finish(Now now) {
  for (auto& each : windows_) tell(now, each.second);
}

void Openings::handle_timeout(Now now) {
  if (next_ <= now.steady) forget(now);
}

}  // namespace culvert::agent
