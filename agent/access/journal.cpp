#include "agent/access/journal.hpp"

#include <algorithm>

namespace culvert::agent {

Journal::Journal(audit::Sink& sink, std::string node, std::string site, std::uint64_t acknowledged)
    : sink_(sink), node_(std::move(node)), site_(std::move(site)) {
  load(acknowledged);
}

void Journal::resume(std::uint64_t next) {
  if (in_flight_ || next >= first_) return;
  auto before = waiting_;
  const auto first = first_;
  load(next);
  if (first_ <= first) return;
  waiting_ = std::move(before);  // the log cannot be read now: the same entries wait as before
  first_ = first;
}

void Journal::load(std::uint64_t from) {
  const std::uint64_t size = sink_.head().size;
  first_ = std::min(from, size);
  waiting_.clear();
  if (size - first_ > kMaxWaiting) first_ = size - kMaxWaiting;
  if (first_ == size) return;
  audit::Query query;
  query.limit = static_cast<std::size_t>(size - first_);
  const auto entries = sink_.read(query);
  if (!entries || entries->size() != query.limit) {
    first_ = size;  // entries that cannot be read back stay in the local log alone
    return;
  }
  for (const audit::Entry& entry : *entries) waiting_.push_back(audit::render(entry));
}

Status Journal::opening(Now now, audit::Entry entry) {
  return write(now, entry, audit::Purpose::kOpening);
}

void Journal::ending(Now now, audit::Entry entry) {
  // A failure undoes nothing: write() has remembered that the log does not take entries.
  if (!write(now, entry, audit::Purpose::kEnding)) ++lost_;
}

Status Journal::write(Now now, audit::Entry& entry, audit::Purpose purpose) {
  entry.at = now.wall;
  if (entry.who.empty()) entry.who = node_;
  if (entry.site.empty()) entry.site = site_;
  audit::make_utf8(entry);  // the entry may quote errors of other programs
  auto done = sink_.append(entry, purpose);
  if (!done) {
    if (writable()) {
      failing_since_ = now.steady;
      cut_at_ = now.steady + kBroken;
    }
    probe_at_ = now.steady + kProbe;
    return done;
  }
  if (purpose == audit::Purpose::kOpening) {
    failing_since_ = probe_at_ = cut_at_ = Instant::never();
  }
  if (waiting_.size() >= kMaxWaiting) {
    waiting_.pop_front();
    if (in_batch_ > 0) --in_batch_;
    ++first_;
    ++lost_;
  }
  waiting_.push_back(audit::render(entry));
  return done;
}

Instant Journal::next_deadline() const { return std::min(probe_at_, cut_at_); }

void Journal::handle_timeout(Now now) {
  if (cut_at_ <= now.steady) cut_at_ = Instant::never();  // the owner asks broken()
  if (probe_at_ > now.steady) return;
  audit::Entry entry;
  entry.kind = audit::Kind::kAlarm;
  entry.detail = "the audit log could not be written";
  static_cast<void>(write(now, entry, audit::Purpose::kOpening));  // write() remembers a failure
}

Journal::Batch Journal::next_batch() {
  in_batch_ = std::min(batch_, waiting_.size());
  in_flight_ = true;
  return {first_, {waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(in_batch_)}};
}

std::uint64_t Journal::acknowledge(bool taken) {
  if (in_flight_ && taken) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(in_batch_));
    first_ += in_batch_;
    batch_ = std::min(kBatch, 2 * batch_);
  }
  in_flight_ = false;
  in_batch_ = 0;
  return first_;
}

std::uint64_t Journal::refuse() {
  if (!in_flight_ || in_batch_ == 0) return acknowledge(false);
  if (in_batch_ == 1) {
    ++lost_;
    return acknowledge(true);
  }
  batch_ = in_batch_ / 2;
  return acknowledge(false);
}

}  // namespace culvert::agent
