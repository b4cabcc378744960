#include "agent/shell/lease_server.hpp"

#include <iterator>
#include <set>

#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

namespace log = runtime::log;

int status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kUnverified:
    case ErrorCode::kDenied:
    case ErrorCode::kStale:
    case ErrorCode::kConflict:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kInternal:
      return 503;
  }
  return 503;
}

bool is_document(std::string_view text) {
  const auto kind = trust::kind_of(text);
  return kind == trust::Kind::kRoot || kind == trust::Kind::kSite || kind == trust::Kind::kPolicy ||
         kind == trust::Kind::kEnrolment || kind == trust::Kind::kRevocation ||
         kind == trust::Kind::kFresh;
}

}  // namespace

Result<std::unique_ptr<LeaseServer>> LeaseServer::open(runtime::Loop& loop, Rng& rng,
                                                       LeaseServerOptions options,
                                                       trust::Evidence evidence) {
  std::unique_ptr<LeaseServer> server(
      new LeaseServer(loop, rng, std::move(options), std::move(evidence)));
  if (auto read = server->read_puts(); !read) return fail_with(read.error());
  auto listener = runtime::TcpListener::open(
      loop, server->options_.listen,
      [raw = server.get()](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
        raw->accepted(std::move(stream));
      });
  if (!listener) return fail_with(listener.error());
  server->listener_ = std::move(*listener);
  server->folder_ = std::make_unique<runtime::NotesFolder>(
      loop, server->options_.documents,
      [raw = server.get()](const std::vector<runtime::NotesFile>& files) { raw->learn(files); });
  return server;
}

LeaseServer::LeaseServer(runtime::Loop& loop, Rng& rng, LeaseServerOptions options,
                         trust::Evidence evidence)
    : loop_(loop),
      rng_(rng),
      options_(std::move(options)),
      evidence_(std::move(evidence)),
      puts_(options_.documents, options_.put_share) {
  if (!options_.clock) options_.clock = [this] { return loop_.now(); };
}

// Reads the revocations in the folder before the first answer, so that each counts from the start.
// Fails when the folder cannot be read. A bad file is only logged, since without a lease server the
// whole site has no access.
Status LeaseServer::read_puts() {
  const auto files = runtime::read_notes_folder(options_.documents);
  for (const auto& file : files) {
    const bool whole_folder = !file.name.ends_with(".note");
    if (!file.text && whole_folder) {
      return fail(file.text.error().code, file.name + ": " + file.text.error().message);
    }
  }
  learn(files);
  for (const auto& file : files) {
    auto notes = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
    if (!notes) {
      log::error("a file is ignored: grants that its revocations end may get leases",
                 {{"file", options_.documents + "/" + file.name},
                  {"why", notes.error().message},
                  {"next",
                   "repair the file or move it away; put lost revocations again: "
                   "culvert revoke GRANT --key FILE --lease URL"}});
    }
    puts_.found(file.name, notes ? std::move(*notes) : std::vector<note::Note>{},
                [this](const note::Note& note) { return owner_of(note); });
  }
  return {};
}

void LeaseServer::learn(const std::vector<runtime::NotesFile>& files) {
  std::vector<note::Note> notes;
  std::vector<std::string> from;
  std::map<std::string, std::string> bad;
  for (const auto& file : files) {
    auto parsed = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
    if (!parsed) {
      bad[file.name] = parsed.error().message;
      continue;
    }
    for (auto& note : *parsed) {
      if (!is_document(note.text)) {
        bad[file.name] = "a type of statement that does not belong here";
        continue;
      }
      notes.push_back(std::move(note));
      from.push_back(file.name);
    }
  }
  const auto results = evidence_.offer_all(options_.clock(), notes);
  log_.update(evidence_.who(), options_.site);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i] && results[i].error().code != ErrorCode::kStale) {
      bad[from[i]] = results[i].error().message;
    }
  }
  for (const auto& [file, why] : bad) {
    if (said_[file] != why) log::warn("a document is not taken", {{"file", file}, {"why", why}});
  }
  said_ = std::move(bad);
}

void LeaseServer::accepted(std::unique_ptr<runtime::TcpStream> stream) {
  if (calls_.size() >= kMaxLeaseCalls) {
    auto gone = calls_.begin();
    std::advance(gone, rng_.below(calls_.size()));
    calls_.erase(gone);
  }
  const auto id = ++last_call_;
  calls_[id] = std::make_unique<runtime::HttpCall>(
      loop_, std::move(stream), kMaxLeaseBody, [this, id](Result<runtime::HttpRequest> request) {
        const auto call = calls_.find(id);
        if (call == calls_.end()) return;
        if (request) {
          const auto said = answer(*request);
          call->second->answer(said.status, said.body);
        }
        // Deferred, since this event runs inside the call.
        loop_.defer([this, id] { calls_.erase(id); });
      });
}

LeaseServer::Answer LeaseServer::answer(const runtime::HttpRequest& request) {
  const auto& target = request.head.target;
  if (request.head.method == "GET" && target == "/healthz") return {200, "ok\n"};
  const bool asks = target == trust::kLeasePath;
  if (!asks && target != trust::kRevocationPath) return {404, "not found\n"};
  if (request.head.method != "POST") return {405, "this path is asked by POST\n"};
  if (asks) {
    auto bundle = lease(request.body);
    if (bundle) return {200, std::move(*bundle)};
    const bool other_mark = bundle.error().code == ErrorCode::kStale;
    return {other_mark ? 409 : status_of(bundle.error()), bundle.error().message + "\n"};
  }
  const auto taken = put(request.body);
  if (taken) return {204, ""};
  return {status_of(taken.error()), taken.error().message + "\n"};
}

Result<std::string> LeaseServer::lease(std::string_view question) {
  const auto asked = trust::LeaseQuestion::parse(question);
  if (!asked) return fail_with(asked.error());
  if (asked->site.id != options_.site) {
    return fail(ErrorCode::kDenied, "this lease server serves another site");
  }
  evidence_.advance(options_.clock());
  const auto notes = trust::answer_lease(*asked, evidence_, log_, options_.name, options_.key);
  if (!notes) return fail_with(notes.error());
  return note::render_bundle(*notes);
}

Status LeaseServer::put(std::string_view text) {
  const auto note = note::parse(text);
  if (!note) return fail_with(note.error());
  if (trust::kind_of(note->text) != trust::Kind::kRevocation) {
    return fail(ErrorCode::kInvalid, "only revocations are put to a lease server");
  }
  const auto taken = evidence_.offer(options_.clock(), *note);
  if (!taken) return fail_with(taken.error());
  const bool known = taken->kind == trust::ChangeKind::kNone;
  if (!known) log_.update(evidence_.who(), options_.site);
  if (known && !puts_.unsaved()) return {};
  if (!known) {
    log::info("took a revocation", {{"text", trust::format_hash(note::hash(*note).view())}});
  }
  auto kept = known ? puts_.save() : keep(*note);
  if (!kept) {
    return fail(ErrorCode::kUnavailable,
                "the revocation counts until this server stops, but it cannot "
                "be kept: " +
                    kept.error().message);
  }
  return {};
}

// Keeps the note without signature lines of unknown keys, as in memory.
Status LeaseServer::keep(const note::Note& note) {
  const auto held = evidence_.known_lines(note);
  const auto owner = owner_of(held);
  auto kept = puts_.keep(held, owner);
  if (kept || kept.error().code != ErrorCode::kExhausted) return kept;
  if (options_.clock().steady < tidy_at_) return kept;
  drop_what_is_over();
  return puts_.keep(held, owner);
}

std::string LeaseServer::owner_of(const note::Note& revocation) const {
  const auto key = evidence_.charged_to(revocation);
  return key ? crypto::format_public_key(*key) : "";
}

// Drops revocations that are over, and those that a later revocation of the same subject has
// replaced.
void LeaseServer::drop_what_is_over() {
  const auto now = options_.clock();
  tidy_at_ = now.steady + kTidyEvery;
  std::set<crypto::Hash> held;
  for (const auto& note : evidence_.revocation_notes(options_.site)) held.insert(note::hash(note));
  puts_.drop([&](const note::Note& note) {
    if (held.contains(note::hash(note))) return false;
    const auto again = evidence_.offer(now, note);
    return again || again.error().code == ErrorCode::kStale;
  });
}

}  // namespace culvert::agent
