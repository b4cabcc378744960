// What reaches an agent without the vendor: documents in files. And what an agent says about its
// knowledge: what ends soon, and its signed state.
#include "agent/core/documents.hpp"

#include <algorithm>

#include "agent/core/parts.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

// In which order the notes of all files are offered: roots first, by epoch; nothing: a file may not
// bring this type.
std::optional<std::pair<int, std::uint64_t>> rank_of(std::string_view text) {
  const auto kind = trust::kind_of(text);
  if (!kind) return std::nullopt;
  switch (*kind) {
    case trust::Kind::kRoot: {
      const auto root = trust::Root::parse(text);
      return std::pair(0, root ? root->epoch : 0);
    }
    case trust::Kind::kSite:
      return std::pair(1, std::uint64_t{0});
    case trust::Kind::kPolicy:
      return std::pair(2, std::uint64_t{0});
    case trust::Kind::kEnrolment:
      return std::pair(3, std::uint64_t{0});
    case trust::Kind::kRevocation:
      return std::pair(4, std::uint64_t{0});
    case trust::Kind::kFresh:
      return std::pair(5, std::uint64_t{0});
    default:
      return std::nullopt;
  }
}

}  // namespace

// Each fault of a file is logged once, until the fault changes or goes.
void Core::Parts::say_document(const std::string& file, const std::string& why) {
  if (documents.said[file] == why) return;
  documents.said[file] = why;
  log(LogLevel::kWarning, "a document is not taken", file + ": " + why);
}

void Core::Parts::learn_documents(Now now, const std::vector<DocumentFile>& files) {
  documents.used = true;
  documents.files = files.size();
  documents.unread.clear();
  documents.waiting.clear();
  documents.taken = documents.next = 0;
  for (const DocumentFile& file : files) {
    auto notes = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
    std::string& fault = documents.unread[file.name];
    if (!notes) {
      fault = notes.error().message;
      continue;
    }
    if (notes->empty()) fault = "the file is empty";
    for (note::Note& note : *notes) {
      const auto rank = rank_of(note.text);
      if (!rank) {
        fault = "only root, site, policy, enrolment, revocation and fresh are taken from files";
      } else if (documents.waiting.size() >= kMaxDocumentNotes) {
        fault = "the folder holds more than " + std::to_string(kMaxDocumentNotes) + " notes";
        break;
      } else {
        documents.waiting.push_back({file.name, std::move(note), *rank});
      }
    }
  }
  std::erase_if(documents.unread, [](const auto& file) { return file.second.empty(); });
  for (const auto& [file, why] : documents.unread) say_document(file, why);
  std::stable_sort(documents.waiting.begin(), documents.waiting.end(),
                   [](const auto& a, const auto& b) { return a.rank < b.rank; });
  offer_documents(now);
}

// A slice at each call, so that a full folder does not hold packets up. What does not verify yet
// may rest on something that another carrier brings, so it is tried again in the next round.
void Core::Parts::offer_documents(Now now) {
  if (documents.next == 0) documents.refused.clear();
  const auto first = documents.next;
  const auto last = std::min(first + kDocumentsSlice, documents.waiting.size());
  std::vector<note::Note> notes;
  for (auto i = first; i < last; ++i) notes.push_back(documents.waiting[i].note);
  const auto results = evidence.offer_all(notes, now);
  for (auto i = first; i < last; ++i) document_offered(documents.waiting[i], results[i - first]);
  say_alarms(now);
  documents.next = last;
  if (last < documents.waiting.size()) {
    due.documents = now.steady;
    return;
  }
  documents.next = 0;
  std::erase_if(documents.waiting, [](const auto& waiting) { return waiting.known; });
  due.documents = documents.waiting.empty() ? Instant::never() : now.steady + kDocumentsRetry;
  std::erase_if(documents.said, [&](const auto& said) {
    return !documents.unread.contains(said.first) && !documents.refused.contains(said.first);
  });
}

// What is older than what is known stays in its file without harm.
void Core::Parts::document_offered(Documents::Waiting& offered,
                                   const Result<trust::Change>& result) {
  if (result) {
    offered.known = true;
    ++documents.taken;
    if (result->kind == trust::ChangeKind::kNone) return;
    notes_dirty = access_dirty = state_dirty = true;
    log(LogLevel::kInfo, "learned from a document", offered.file);
    return;
  }
  const Error& why = result.error();
  if (why.code == ErrorCode::kStale) {
    return log(LogLevel::kDebug, "a document is not taken", offered.file + ": " + why.message);
  }
  documents.refused[offered.file] = why.message;
  if (why.code == ErrorCode::kConflict)
    access_dirty = true;  // a second text of a root stops grants
  say_document(offered.file, why.message);
}

// Of a site's agent its site and its renewal, of a laptop its admission and the sites in use.
std::vector<trust::Expiry> Core::Parts::endings(Now now) const {
  std::vector<trust::SiteId> sites;
  if (options.role == Role::kSite) {
    sites.push_back(node.site.id);
  } else {
    for (const auto& [id, right] : rights) {
      const auto& site = right.live.grant.site.id;
      if (std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(site);
    }
  }
  auto out = trust::expiries(evidence.who(), sites);
  if (options.role == Role::kSite) {
    const auto rests_on = enrolment ? trust::Enrolment::parse(enrolment->text)
                                    : Result<trust::Enrolment>(fail(ErrorCode::kNotFound, ""));
    if (rests_on) {
      out.push_back(
          {trust::Ending::kRenewal, node.name.str(), rests_on->not_before, rests_on->renew_until});
    }
  } else if (const auto* admitted = evidence.node(keys.identity.public_key(), now)) {
    out.push_back(
        {trust::Ending::kAdmission, node.name.str(), admitted->issued, admitted->expires});
  }
  return out;
}

// Once for each threshold of each thing; a new text of the thing begins anew.
void Core::Parts::warn_of_ends(Now now) {
  due.ends = now.steady + kLookAtEnds;
  for (const trust::Expiry& ends : endings(now)) {
    const auto key = std::pair(ends.what, ends.of);
    const auto due_now = trust::due_warning(ends, now.wall);
    if (!due_now) {
      warned.erase(key);
      continue;
    }
    const auto said = warned.find(key);
    if (said != warned.end() && said->second == *due_now) continue;
    warned[key] = *due_now;
    log(*due_now == 0 ? LogLevel::kError : LogLevel::kWarning, "ends soon",
        trust::describe(ends, now.wall));
    if (*due_now != 0 || ends.what != trust::Ending::kPolicy) continue;
    audit::Entry entry;
    entry.kind = audit::Kind::kAlarm;
    entry.detail = "the site's policy has expired";
    journal.ending(now, std::move(entry));
  }
}

void Core::Parts::show_documents(Now now, StatusView& view) const {
  auto ends = endings(now);
  std::stable_sort(ends.begin(), ends.end(),
                   [](const auto& a, const auto& b) { return a.when < b.when; });
  for (const trust::Expiry& one : ends) {
    view.ends.push_back({std::string(trust::ending_name(one.what)), one.of, one.when,
                         trust::due_warning(one, now.wall), trust::describe(one, now.wall)});
  }
  if (!documents.used) return;
  view.documents.emplace();
  view.documents->files = documents.files;
  view.documents->notes = documents.taken;
  auto bad = documents.refused;
  for (const auto& [file, why] : documents.unread) bad[file] = why;
  view.documents->bad.assign(bad.begin(), bad.end());
}

trust::SiteState Core::Parts::state_now() const {
  trust::SiteState state;
  state.site = node.site;
  state.agent = keys.identity.public_key();
  const auto known = evidence.documents(node.site.id);
  state.vendor_root = known.vendor_root;
  state.site_root = known.site_root;
  state.policy = known.policy;
  state.revocations = evidence.revocations(node.site.id);
  return state;
}

// What this agent knows, signed, for `culvert site status`: soon after it changes, and often enough
// that an old one says something.
void Core::Parts::say_state(Now now) {
  if (!may_say_state()) return;
  if (std::exchange(state_dirty, false)) {
    auto state = state_now();
    state.issued = state_said.issued;
    if (state.render() != state_said.render()) {
      due.state = std::min(due.state, std::max(now.steady, state_sent + kStateLeast));
    }
  }
  if (due.state > now.steady) return;
  auto state = state_now();
  state.issued = now.wall;
  const auto note = trust::sign_statement(state, trust::Signer{node.name.str(), keys.identity});
  due.state = now.steady + (note ? kStateEvery : kStateLeast);
  if (!note) return log(LogLevel::kError, "cannot sign this agent's state", note.error().message);
  if (!client->put({note::render(*note)})) {  // the queue is full: again a little later
    due.state = now.steady + kStateLeast;
    return;
  }
  state_said = std::move(state);
  state_sent = now.steady;
}

bool Core::Parts::may_say_state() const {
  return options.role == Role::kSite && is_admitted && client && client->connected();
}

}  // namespace culvert::agent
