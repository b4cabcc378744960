#include "agent/access/documents.hpp"

#include <algorithm>

#include "proto/trust/statements/root.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kDocumentsRetry = 60s;  // between rounds of the notes that do not verify

// The place of a note among the notes of all files: roots come first, by epoch. Nothing: files may
// not bring notes of this type.
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

// A fault is logged once, until the file has another fault or none.
void Documents::log_once(const std::string& file, const std::string& fault) {
  auto& logged = logged_[file];
  if (logged == fault) return;
  logged = fault;
  basis_.log(LogLevel::kWarning, "a document is not taken", file + ": " + fault);
}

void Documents::learn(Now now, const std::vector<DocumentFile>& files) {
  used_ = true;
  files_ = files.size();
  unread_.clear();
  waiting_.clear();
  taken_ = next_ = 0;
  for (const DocumentFile& file : files) {
    if (auto fault = read(file)) unread_[file.name] = std::move(*fault);
  }
  for (const auto& [file, fault] : unread_) log_once(file, fault);
  std::stable_sort(waiting_.begin(), waiting_.end(),
                   [](const auto& a, const auto& b) { return a.rank < b.rank; });
  offer(now);
}

// The file's notes join `waiting_`; of several faults the last one counts.
std::optional<std::string> Documents::read(const DocumentFile& file) {
  auto notes = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
  if (!notes) return notes.error().message;
  if (notes->empty()) return "the file is empty";
  std::optional<std::string> fault;
  for (note::Note& note : *notes) {
    const auto rank = rank_of(note.text);
    if (!rank) {
      fault = "only root, site, policy, enrolment, revocation and fresh are taken from files";
    } else if (waiting_.size() >= kMaxDocumentNotes) {
      return "the folder holds more than " + std::to_string(kMaxDocumentNotes) + " notes";
    } else {
      waiting_.push_back({file.name, std::move(note), *rank});
    }
  }
  return fault;
}

void Documents::handle_timeout(Now now) {
  if (offer_at_ <= now.steady) offer(now);
}

// A slice at each call, so that a full folder does not hold packets up. A note that does not verify
// may rest on something that another carrier brings, so the next round offers the note again.
void Documents::offer(Now now) {
  if (next_ == 0) refused_.clear();
  const auto first = next_;
  const auto last = std::min(first + kDocumentsSlice, waiting_.size());
  std::vector<note::Note> notes;
  for (auto i = first; i < last; ++i) notes.push_back(waiting_[i].note);
  const auto results = basis_.evidence.offer_all(now, notes);
  for (auto i = first; i < last; ++i) offered(waiting_[i], results[i - first]);
  alarms_.write(now);
  next_ = last;
  if (last < waiting_.size()) {
    offer_at_ = now.steady;
    return;
  }
  next_ = 0;
  std::erase_if(waiting_, [](const auto& document) { return document.known; });
  offer_at_ = waiting_.empty() ? Instant::never() : now.steady + kDocumentsRetry;
  std::erase_if(logged_, [&](const auto& logged) {
    return !unread_.contains(logged.first) && !refused_.contains(logged.first);
  });
}

// A note that is older than what is known stays in its file without harm.
void Documents::offered(Waiting& document, const Result<trust::Change>& result) {
  if (result) {
    document.known = true;
    ++taken_;
    if (result->kind == trust::ChangeKind::kNone) return;
    basis_.changes.all();
    basis_.log(LogLevel::kInfo, "learned from a document", document.file);
    return;
  }
  const Error& why = result.error();
  if (why.code == ErrorCode::kStale) {
    return basis_.log(LogLevel::kDebug, "a document is not taken",
                      document.file + ": " + why.message);
  }
  refused_[document.file] = why.message;
  if (why.code == ErrorCode::kConflict) {
    basis_.changes.access = true;  // a second text of a root stops new grants
  }
  log_once(document.file, why.message);
}

std::optional<DocumentsView> Documents::view() const {
  if (!used_) return std::nullopt;
  auto bad = refused_;
  for (const auto& [file, fault] : unread_) bad[file] = fault;
  return DocumentsView{files_, taken_, {bad.begin(), bad.end()}};
}

}  // namespace culvert::agent
